//! Tokens of accounts in Secrets, from the outside, in virtual time.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::DeleteParams;
use serde_json::json;
use support::{NAMESPACE, healthy, start};

#[tokio::test(start_paused = true)]
async fn a_secret_may_hold_the_token_of_an_account() {
    let running = start(7, healthy).await;
    let account = |name: &str| {
        json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"namespace": NAMESPACE, "name": name}})
    };
    let secret = |name: &str, account: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"namespace": NAMESPACE, "name": name, "annotations":
                {"kubernetes.io/service-account.name": account}}})
    };
    running.cluster.create(account("robot")).await.unwrap();
    running
        .cluster
        .create(secret("token", "robot"))
        .await
        .unwrap();
    let secrets = running.api::<Secret>();
    running
        .until(|| async {
            let data = secrets.get("token").await.unwrap().data;
            data.unwrap_or_default().contains_key("token")
        })
        .await;
    let filled = secrets.get("token").await.unwrap().data.unwrap();
    assert_eq!(filled["namespace"].0, NAMESPACE.as_bytes());
    let token = String::from_utf8(filled["token"].0.clone()).unwrap();
    assert_eq!(token.split('.').count(), 3, "{token}");
    running
        .cluster
        .create(secret("nobodys", "none"))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(secrets.get_opt("nobodys").await.unwrap().is_none());
    running
        .delete::<ServiceAccount>("robot", DeleteParams::default())
        .await;
    running
        .until(|| async { secrets.get_opt("token").await.unwrap().is_none() })
        .await;
}
