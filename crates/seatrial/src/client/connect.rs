//! From a kubeconfig to a session.

use std::fmt::Debug;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use kube::api::ListParams;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Error, Resource};
use seatrial_clock::SharedClock;
use serde::de::DeserializeOwned;

use super::screen::Screen;

/// The context that the embedded cluster writes.
const CONTEXT: &str = "seatrial";

/// Which cluster to talk to.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct Connection {
    /// The kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context in it [default: `seatrial` where there is one, else the current one; kubectl takes
    /// the current one]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,
}

/// Which context is taken where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    /// The embedded cluster's, where there is one.
    Seatrial,
    /// The current one, as kubectl does.
    Current,
}

/// A client and what commands need beside it.
#[derive(Clone)]
pub(crate) struct Session {
    /// The cluster.
    pub(crate) client: Client,
    /// The namespace of the context.
    pub(crate) namespace: String,
    /// For ages.
    pub(crate) clock: SharedClock,
    /// Where output goes.
    pub(crate) screen: Screen,
    /// The cluster in words, for messages.
    pub(crate) place: String,
}

impl Connection {
    /// Reads the kubeconfig and makes a client. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// Where there is no usable kubeconfig; the message says what to do.
    pub(crate) async fn open(&self, preference: Preference) -> anyhow::Result<Session> {
        let (file, config, context) = self.configuration(preference).await?;
        let place = format!(
            "{} (context `{context}` of {file})",
            shown(&config.cluster_url)
        );
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config)
            .with_context(|| format!("the credentials for {place} cannot be used"))?;
        Ok(Session {
            client,
            namespace,
            clock: std::sync::Arc::new(seatrial_clock::SystemClock),
            screen: Screen::standard(),
            place,
        })
    }

    async fn configuration(
        &self,
        preference: Preference,
    ) -> anyhow::Result<(String, Config, String)> {
        let (file, kubeconfig) = match &self.kubeconfig {
            Some(path) => {
                let read = Kubeconfig::read_from(path);
                let file = path.display().to_string();
                (
                    file.clone(),
                    read.with_context(|| format!("cannot read the kubeconfig {file}"))?,
                )
            }
            None => match Kubeconfig::read() {
                Ok(kubeconfig) => (place_of_default(), kubeconfig),
                Err(_) if self.context.is_none() && in_cluster() => {
                    let config = Config::incluster().context("using the pod's service account")?;
                    return Ok((
                        "the service account".to_owned(),
                        config,
                        "in-cluster".to_owned(),
                    ));
                }
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    return Err(error.context(format!(
                        "no kubeconfig at {}: start a cluster with `seatrial up`, or name a file \
                         with --kubeconfig",
                        place_of_default()
                    )));
                }
            },
        };
        let context = chosen(&kubeconfig, self.context.as_deref(), preference)
            .with_context(|| format!("choosing a context of {file}"))?;
        let options = KubeConfigOptions {
            context: Some(context.clone()),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .with_context(|| format!("the context `{context}` of {file} cannot be used"))?;
        Ok((file, config, context))
    }
}

fn in_cluster() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

fn shown(url: &http::Uri) -> String {
    url.to_string().trim_end_matches('/').to_owned()
}

fn place_of_default() -> String {
    match std::env::var("KUBECONFIG") {
        Ok(path) if !path.is_empty() => path,
        _ => "~/.kube/config".to_owned(),
    }
}

/// The context to use: the named one, the embedded cluster's, or the current one.
pub(crate) fn chosen(
    kubeconfig: &Kubeconfig,
    named: Option<&str>,
    preference: Preference,
) -> anyhow::Result<String> {
    let names: Vec<&str> = kubeconfig
        .contexts
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let list = || {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    if let Some(named) = named {
        if names.contains(&named) {
            return Ok(named.to_owned());
        }
        bail!("there is no context `{named}`; there are: {}", list());
    }
    if preference == Preference::Seatrial && names.contains(&CONTEXT) {
        return Ok(CONTEXT.to_owned());
    }
    match kubeconfig
        .current_context
        .as_deref()
        .filter(|current| !current.is_empty())
    {
        Some(current) if names.contains(&current) => Ok(current.to_owned()),
        Some(current) => bail!(
            "its current-context `{current}` does not exist; choose one with --context: {}",
            list()
        ),
        None => bail!(
            "it has no current-context; choose one with --context: {}",
            list()
        ),
    }
}

/// Says in words what a failed call to the cluster means and what to do about it.
pub(crate) fn explain(error: anyhow::Error, place: &str) -> anyhow::Error {
    let Some(cause) = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>())
    else {
        return error;
    };
    match cause {
        Error::Api(status) if status.code == 401 => error.context(format!(
            "{place} does not accept these credentials: was the cluster made anew? Write them again \
             with `seatrial kubeconfig`"
        )),
        Error::Service(_) | Error::HyperError(_) => error.context(format!(
            "cannot reach the API server at {place}: is the cluster up? Start it with `seatrial up`, \
             or choose another one with --context"
        )),
        _ => error,
    }
}

/// What the server said, without the wrapping of the client library.
pub(crate) fn said(error: &Error) -> String {
    match error {
        Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// Whether the server answered that the object or its kind is not there.
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404)
}

/// An error for an object that could not be worked on.
pub(crate) fn failed(error: Error, what: &str) -> anyhow::Error {
    match &error {
        Error::Api(status) if status.code != 401 => {
            anyhow::anyhow!("{what}: {}", status.message)
        }
        _ => anyhow::Error::new(error).context(what.to_owned()),
    }
}

/// Every object of a kind that a label selector picks, of one namespace or of all.
///
/// # Errors
/// The cluster does not know the kind, or does not answer; the message says which cluster.
pub(crate) async fn all<K>(
    session: &Session,
    namespace: Option<&str>,
    selector: Option<&str>,
) -> anyhow::Result<Vec<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + Debug + DeserializeOwned,
{
    let client = session.client.clone();
    let api: Api<K> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let parameters = ListParams {
        label_selector: selector.map(str::to_owned),
        ..ListParams::default()
    };
    match api.list(&parameters).await {
        Ok(list) => Ok(list.items),
        Err(error) if is_missing(&error) => bail!(
            "{} does not know {}s ({}): {}",
            session.place,
            K::kind(&()),
            K::api_version(&()),
            said(&error)
        ),
        Err(error) => Err(failed(error, &format!("listing {}", K::plural(&())))),
    }
}
