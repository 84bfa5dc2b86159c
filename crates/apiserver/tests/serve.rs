//! The door: TLS, tokens, and the end of it all.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use seatrial_apiserver::{BearerTokens, Identity, serve, tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A server on a port, and how to reach it.
struct Served {
    configuration: Config,
    shutdown: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
}

async fn served() -> Served {
    let api = support::Api::start().await;
    let authority = tls::authority().unwrap();
    let pair = tls::issue(&authority, &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = BearerTokens::new([("right".to_owned(), Identity::admin())]);
    let shutdown = CancellationToken::new();
    let (stop, settings) = (shutdown.clone(), tls::configuration(&pair).unwrap());
    let ended = tokio::spawn(async move {
        serve(&api.server, listener, settings, tokens, stop).await;
    });
    let mut configuration = Config::new(format!("https://{address}").parse().unwrap());
    let root = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap();
    configuration.root_cert = Some(vec![root.to_vec()]);
    configuration.auth_info.token = Some("right".to_owned().into());
    Served {
        configuration,
        shutdown,
        ended,
    }
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(support::config_map(name)).unwrap()
}

#[tokio::test]
async fn a_client_with_a_token_lists_and_watches() {
    let served = served().await;
    let client = Client::try_from(served.configuration).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let list = maps.list(&ListParams::default()).await.unwrap();
    let revision = list.metadata.resource_version.unwrap();
    let watch = maps
        .watch(&WatchParams::default(), &revision)
        .await
        .unwrap();
    maps.create(&PostParams::default(), &map("a"))
        .await
        .unwrap();
    let mut watch = std::pin::pin!(watch);
    match watch.try_next().await.unwrap() {
        Some(WatchEvent::Added(map)) => assert_eq!(map.metadata.name.as_deref(), Some("a")),
        other => unreachable!("{other:?}"),
    }
    // A stop ends the watch rather than waiting for it.
    served.shutdown.cancel();
    assert!(matches!(watch.try_next().await, Ok(None) | Err(_)));
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_client_without_the_right_token_is_unauthorized() {
    let served = served().await;
    for token in [Some("wrong"), Some("right-but-longer"), None] {
        let mut configuration = served.configuration.clone();
        configuration.auth_info.token = token.map(|token| token.to_owned().into());
        let client = Client::try_from(configuration).unwrap();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        match namespaces.list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) => {
                assert_eq!((status.code, status.reason.as_str()), (401, "Unauthorized"));
            }
            other => unreachable!("{other:?}"),
        }
        // Whether the server lives is nobody's secret.
        assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    }
    served.shutdown.cancel();
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_token_of_a_service_account_lets_in() {
    use k8s_openapi::api::authentication::v1::TokenRequest;
    use k8s_openapi::api::core::v1::ServiceAccount;
    let served = served().await;
    let accounts: Api<ServiceAccount> =
        Api::default_namespaced(Client::try_from(served.configuration.clone()).unwrap());
    let request = TokenRequest::default();
    let reply = accounts
        .create_token_request("default", &PostParams::default(), &request)
        .await
        .unwrap();
    let mut configuration = served.configuration.clone();
    configuration.auth_info.token = Some(reply.status.unwrap().token.into());
    let client = Client::try_from(configuration).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    assert!(
        maps.list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    served.shutdown.cancel();
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_controller_of_the_kube_runtime_works_from_outside() {
    use futures::StreamExt as _;
    use kube::ResourceExt as _;
    use kube::api::{Patch, PatchParams};
    use kube::runtime::controller::Action;
    use kube::runtime::{Controller, watcher};
    use std::sync::Arc;
    use std::time::Duration;

    let served = served().await;
    let client = Client::try_from(served.configuration).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let mark = async |map: Arc<ConfigMap>, maps: Arc<Api<ConfigMap>>| {
        let patch = serde_json::json!({ "data": { "seen": map.name_any() } });
        maps.patch(
            &map.name_any(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await?;
        Ok::<_, kube::Error>(Action::await_change())
    };
    let controller = Controller::new(maps.clone(), watcher::Config::default())
        .run(
            mark,
            |_, _, _| Action::requeue(Duration::from_secs(1)),
            Arc::new(maps.clone()),
        )
        .for_each(|_| std::future::ready(()));
    let controller = tokio::spawn(controller);
    maps.create(&PostParams::default(), &map("a"))
        .await
        .unwrap();
    let watch = maps
        .watch(&WatchParams::default().fields("metadata.name=a"), "0")
        .await
        .unwrap();
    let mut watch = std::pin::pin!(watch);
    let seen = |map: &ConfigMap| {
        map.data
            .as_ref()
            .is_some_and(|data| data.contains_key("seen"))
    };
    while let Some(event) = watch.try_next().await.unwrap() {
        if matches!(event, WatchEvent::Added(map) | WatchEvent::Modified(map) if seen(&map)) {
            break;
        }
    }
    controller.abort();
    served.shutdown.cancel();
    served.ended.await.unwrap();
}
