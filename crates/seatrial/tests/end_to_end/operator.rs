//! An operator in another program: kube-rs' watcher and Controller, over TLS.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;

use crate::process::{Up, client};

const LIMIT: Duration = Duration::from_mins(1);

/// Keeps a Secret beside each ConfigMap that asks for one.
async fn reconcile(config: Arc<ConfigMap>, client: Arc<Client>) -> Result<Action, kube::Error> {
    let secrets: Api<Secret> = Api::default_namespaced(Client::clone(&client));
    let mut secret = Secret {
        metadata: ObjectMeta {
            name: Some(config.name_any()),
            owner_references: Some(config.controller_owner_ref(&()).into_iter().collect()),
            ..ObjectMeta::default()
        },
        ..Secret::default()
    };
    secret.string_data = config.data.clone();
    let parameters = PatchParams::apply("twin").force();
    secrets
        .patch(&config.name_any(), &parameters, &Patch::Apply(&secret))
        .await?;
    Ok(Action::await_change())
}

fn config(name: &str) -> ConfigMap {
    serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "twin": "yes" } },
        "data": { "word": name },
    }))
    .unwrap()
}

async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait)
        .await
        .unwrap_or_else(|_| panic!("not in {LIMIT:?}: {what}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_keeps_what_it_owns() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("cluster"), 1);
    let client = client(&folder.path().join("cluster")).await;
    let configs: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let secrets: Api<Secret> = Api::default_namespaced(client.clone());
    let asked = watcher::Config::default().labels("twin=yes");
    let controller = Controller::new(configs.clone(), asked)
        .owns(secrets.clone(), watcher::Config::default())
        .run(
            reconcile,
            |_, _, _| Action::requeue(Duration::from_secs(1)),
            Arc::new(client),
        )
        .for_each(|_| async {});
    let controller = tokio::spawn(controller);

    let parameters = PostParams::default();
    for name in ["one", "two"] {
        configs.create(&parameters, &config(name)).await.unwrap();
    }
    let twins = async || {
        let list = secrets.list_metadata(&ListParams::default()).await.unwrap();
        list.into_iter()
            .map(|secret| secret.name_any())
            .filter(|name| name == "one" || name == "two")
            .collect::<Vec<_>>()
    };
    eventually("both have a Secret", async || {
        twins().await == ["one", "two"]
    })
    .await;
    let word = secrets.get("two").await.unwrap().data.unwrap()["word"]
        .0
        .clone();
    assert_eq!(word, b"two");

    // What it owns comes back, and goes with its owner.
    let old = secrets.get("one").await.unwrap().uid();
    secrets
        .delete("one", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the Secret is made anew", async || {
        let new = secrets.get_opt("one").await.unwrap();
        new.is_some_and(|secret| secret.uid() != old)
    })
    .await;
    configs
        .delete("one", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the Secret went with its owner", async || {
        twins().await == ["two"]
    })
    .await;
    controller.abort();
    up.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_every_change_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join("cluster"), 1);
    let configs: Api<ConfigMap> =
        Api::default_namespaced(client(&folder.path().join("cluster")).await);
    configs
        .create(&PostParams::default(), &config("there"))
        .await
        .unwrap();
    let asked = watcher::Config::default().labels("twin=yes");
    let events = watcher(configs.clone(), asked).default_backoff();
    let mut events = std::pin::pin!(events);
    let mut next = async || {
        let event = tokio::time::timeout(LIMIT, events.try_next());
        match event.await.expect("an event in time").unwrap().unwrap() {
            watcher::Event::Init => "init".to_owned(),
            watcher::Event::InitApply(config) => format!("init {}", config.name_any()),
            watcher::Event::InitDone => "done".to_owned(),
            watcher::Event::Apply(config) => {
                format!("apply {} {:?}", config.name_any(), config.data)
            }
            watcher::Event::Delete(config) => format!("delete {}", config.name_any()),
        }
    };
    assert_eq!(next().await, "init");
    assert_eq!(next().await, "init there");
    assert_eq!(next().await, "done");
    for number in 0..20 {
        let patch = Patch::Merge(json!({ "data": { "word": number.to_string() } }));
        let parameters = PatchParams::default();
        configs.patch("there", &parameters, &patch).await.unwrap();
    }
    for number in 0..20 {
        let data = format!("{:?}", Some([("word", number.to_string())]));
        let said = next().await;
        assert!(said.starts_with("apply there"), "{said} instead of {data}");
        assert!(said.contains(&format!("\"{number}\"")), "{said}");
    }
    configs
        .delete("there", &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(next().await, "delete there");
    up.stop();
}
