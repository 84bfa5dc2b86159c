//! A cluster with the application controller alone, and a repository in memory.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::match_wild_err_arm,
    clippy::missing_panics_doc,
    clippy::must_use_candidate
)] // Each test uses a part.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use seatrial_controller::Context;
use seatrial_gitops::{Fetched, Options, Source, SourceError};
use seatrial_render::Files;
use seatrial_resources::argoproj::{Application, ApplicationStatus};
use seatrial_testkit::{Cluster, eventually};
use serde_json::{Value, json};

pub const URL: &str = "https://github.com/org/shop.git";

/// Revisions of one repository.
#[derive(Default)]
pub struct Repository {
    revisions: Mutex<BTreeMap<String, (String, Arc<Files>)>>,
}

#[async_trait::async_trait]
impl Source for Repository {
    async fn fetch(&self, url: &str, revision: &str) -> Result<Fetched, SourceError> {
        if url != URL {
            return Err(SourceError::UnknownRepository {
                url: url.to_owned(),
            });
        }
        let revisions = self.revisions.lock().unwrap();
        let (commit, files) =
            revisions
                .get(revision)
                .cloned()
                .ok_or_else(|| SourceError::UnknownRevision {
                    url: url.to_owned(),
                    revision: revision.to_owned(),
                })?;
        Ok(Fetched {
            commit,
            files,
            subject: String::new(),
            author: String::new(),
        })
    }
}

pub struct World {
    pub cluster: Cluster,
    pub repository: Arc<Repository>,
    pub client: Client,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
        self.cluster.server.stop();
    }
}

impl World {
    pub async fn start() -> Self {
        let cluster = seatrial_testkit::cluster().await;
        let repository = Arc::new(Repository::default());
        let ctx = Context::with_identities(
            cluster.controllers(),
            cluster.clock.clone(),
            cluster.random.clone(),
        );
        let controllers =
            seatrial_gitops::controllers(&ctx, repository.clone(), Options::default());
        let task = tokio::spawn(async move {
            futures::future::join_all(controllers.into_iter().map(|(_, one)| one)).await;
        });
        for namespace in ["argocd", "test"] {
            cluster.namespace(namespace).await.unwrap();
        }
        Self {
            client: cluster.client.clone(),
            cluster,
            repository,
            task,
        }
    }

    /// Makes a commit the newest of `main`.
    pub fn commit(&self, commit: &str, files: &[(&str, Value)]) {
        let files = files.iter().map(|(path, objects)| {
            let list = objects
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![objects.clone()]);
            let list: Vec<_> = list.iter().map(ToString::to_string).collect();
            let text = list.join(
                "
---
",
            );
            ((*path).to_owned(), text.into_bytes())
        });
        let entry = (commit.to_owned(), Arc::new(Files::new(files)));
        let mut revisions = self.repository.revisions.lock().unwrap();
        for name in [commit, "main", "HEAD"] {
            revisions.insert(name.to_owned(), entry.clone());
        }
    }

    pub fn apps(&self) -> Api<Application> {
        Api::namespaced(self.client.clone(), "argocd")
    }

    pub fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), "test")
    }

    /// Makes the application `shop` of the folder `k8s` with changes to its spec.
    pub async fn app(&self, changes: Value) {
        let mut spec = json!({
            "project": "default",
            "source": {"repoURL": URL, "targetRevision": "main", "path": "k8s"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "test"},
        });
        json_patch::merge(&mut spec, &changes);
        let app = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "shop", "namespace": "argocd"}, "spec": spec,
        });
        let app: Application = serde_json::from_value(app).unwrap();
        self.apps()
            .create(&PostParams::default(), &app)
            .await
            .unwrap();
    }

    pub async fn patch(&self, patch: Value) {
        let patch = Patch::Merge(patch);
        self.apps()
            .patch("shop", &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    pub async fn refresh(&self) {
        self.patch(json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}))
            .await;
    }

    pub async fn sync(&self, sync: Value) {
        self.patch(json!({"operation": {"sync": sync, "initiatedBy": {"username": "admin"}}}))
            .await;
    }

    pub async fn status(&self) -> ApplicationStatus {
        self.apps()
            .get("shop")
            .await
            .unwrap()
            .status
            .unwrap_or_default()
    }

    /// Waits until the status is as wanted, and gives it.
    pub async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&ApplicationStatus) -> bool,
    ) -> ApplicationStatus {
        let limit = Duration::from_secs(400);
        let seen = async {
            loop {
                let status = self.status().await;
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(limit, seen).await {
            Ok(status) => status,
            Err(_elapsed) => panic!(
                "{what}: {}",
                serde_json::to_string_pretty(&self.status().await).unwrap()
            ),
        }
    }

    pub async fn synced(&self, commit: &str) -> ApplicationStatus {
        self.until(&format!("synced to {commit}"), |status| {
            format!("{:?}", status.sync.status) == "Synced"
                && status.sync.revision.as_deref() == Some(commit)
        })
        .await
    }

    pub async fn map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let map = self.maps().get_opt(name).await.unwrap()?;
        Some(map.data.unwrap_or_default())
    }

    pub async fn gone(&self, name: &str) {
        eventually("the object goes", Duration::from_mins(1), async || {
            self.map(name).await.is_none().then_some(())
        })
        .await;
    }

    pub async fn delete(&self) {
        self.apps()
            .delete("shop", &DeleteParams::default())
            .await
            .unwrap();
    }
}

pub fn map(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name}, "data": {"key": value},
    })
}

pub fn annotated(mut object: Value, name: &str, value: &str) -> Value {
    object["metadata"]["annotations"][name] = json!(value);
    object
}

pub fn deployment(replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "shop:1", "ports": [{"containerPort": 80}]}]},
            },
        },
    })
}

/// What an operation did, a line for each object.
pub fn told(status: &ApplicationStatus) -> String {
    let Some(state) = &status.operation_state else {
        return "no operation".to_owned();
    };
    let mut lines = vec![format!(
        "{:?}: {}",
        state.phase,
        state.message.clone().unwrap_or_default()
    )];
    let result = state.sync_result.clone().unwrap_or_default();
    for one in result.resources.unwrap_or_default() {
        let (status, message) = (
            one.status.unwrap_or_default(),
            one.message.unwrap_or_default(),
        );
        let hook = one
            .hook_type
            .map(|hook| format!("{hook} hook "))
            .unwrap_or_default();
        lines.push(format!(
            "{hook}{} {} {status}: {message}",
            one.kind, one.name
        ));
    }
    lines.join("\n")
}

pub fn complaints(status: &ApplicationStatus) -> String {
    let conditions = status.conditions.iter().flatten();
    conditions
        .map(|one| format!("{}: {}", one.type_, one.message))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Syncs, prunes and heals by itself; nothing here collects garbage, so prunes do not wait for it.
pub fn automated() -> Value {
    json!({"syncPolicy": {
        "automated": {"prune": true, "selfHeal": true},
        "syncOptions": ["PrunePropagationPolicy=background"],
    }})
}
