//! The door: TLS, tokens, and the end of it all.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Client;
use kube::api::{Api, ListParams, PostParams, WatchEvent, WatchParams};
use seatrial_apiserver::certificate;
use support::door::served;

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
    let refused = [
        (Some("wrong"), 401, "Unauthorized"),
        (Some("right-but-longer"), 401, "Unauthorized"),
        // Who says nothing is somebody too, who may do nothing.
        (None, 403, "Forbidden"),
    ];
    for (token, code, reason) in refused {
        let mut configuration = served.configuration.clone();
        configuration.auth_info.token = token.map(|token| token.to_owned().into());
        let client = Client::try_from(configuration).unwrap();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        match namespaces.list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) => {
                assert_eq!((status.code, status.reason.as_str()), (code, reason));
            }
            other => unreachable!("{other:?}"),
        }
        // Whether the server lives is nobody's secret.
        if code == 403 {
            assert_eq!(client.apiserver_version().await.unwrap().major, "1");
        }
    }
    served.shutdown.cancel();
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_the_authority_says_who_somebody_is() {
    use k8s_openapi::api::authentication::v1::SelfSubjectReview;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    let served = served().await;
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::OrganizationName, "devs");
    parameters
        .distinguished_name
        .push(DnType::CommonName, "jane");
    let key = KeyPair::generate().unwrap();
    let request = parameters.serialize_request(&key).unwrap().pem().unwrap();
    let now = seatrial_clock::Clock::now(&support::Still);
    let (begins, ends) = (
        now - jiff::SignedDuration::from_hours(1),
        now + jiff::SignedDuration::from_hours(1),
    );
    let signed = certificate::sign(
        &served.authority,
        certificate::Purpose::Client,
        &request,
        &["client auth".to_owned()],
        begins..ends,
    )
    .unwrap();
    let mut configuration = served.configuration.clone();
    configuration.auth_info.token = None;
    let base64 = |text: String| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text)
    };
    configuration.auth_info.client_certificate_data = Some(base64(signed));
    configuration.auth_info.client_key_data = Some(base64(key.serialize_pem()).into());
    let reviews: Api<SelfSubjectReview> = Api::all(Client::try_from(configuration).unwrap());
    let review = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
        .unwrap();
    let user = review.status.unwrap().user_info.unwrap();
    assert_eq!(user.username.as_deref(), Some("jane"));
    assert_eq!(user.groups.unwrap(), ["devs", "system:authenticated"]);
    served.shutdown.cancel();
    served.ended.await.unwrap();
}

#[tokio::test]
async fn a_token_of_a_service_account_lets_in() {
    use k8s_openapi::api::authentication::v1::TokenRequest;
    use k8s_openapi::api::core::v1::ServiceAccount;
    use k8s_openapi::api::rbac::v1::RoleBinding;
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
    // It is somebody, and may do what somebody gave it to do.
    match maps.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 403),
        other => unreachable!("{other:?}"),
    }
    let binding: RoleBinding = serde_json::from_value(serde_json::json!({
        "metadata": { "name": "view" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "kind": "ServiceAccount", "name": "default", "namespace": "default" }],
    }))
    .unwrap();
    let bindings: Api<RoleBinding> =
        Api::default_namespaced(Client::try_from(served.configuration.clone()).unwrap());
    bindings
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
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
