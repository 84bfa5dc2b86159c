//! Numbers that no clock and no list has room for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::support::{Api, MAPS, PODS, config_map, pod};

const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e9",
    "0.5",
    "NaN",
    "%00",
    "%FF",
    "",
    "+1",
    "0x10",
];

#[tokio::test(start_paused = true)]
async fn every_numeric_parameter_takes_any_text() {
    let api = Api::start().await;
    api.post(MAPS, config_map("a")).await.expect(201);
    api.post(PODS, pod("p")).await.expect(201);
    let forged = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let tokens = [
        "x".to_owned(),
        "=".to_owned(),
        forged("{}"),
        forged(r#"{"v":18446744073709551615,"s":"","n":""}"#),
        forged(r#"{"v":-1,"s":"default","n":"a"}"#),
        forged(r#"{"v":1,"s":"default","n":"a"}"#),
        forged(r#"{"v":0,"s":"\u0000","n":"\u0000"}"#),
        forged(&"[".repeat(20_000)),
    ];
    for token in &tokens {
        let reply = api.get(&format!("{MAPS}?limit=1&continue={token}")).await;
        assert!(
            matches!(reply.code, 200 | 400 | 410 | 504),
            "{token}: {}",
            reply.body
        );
    }
    for number in NUMBERS {
        for path in [
            format!("{MAPS}?limit={number}"),
            format!("{MAPS}?timeoutSeconds={number}"),
            format!("{MAPS}?watch=true&timeoutSeconds={number}&resourceVersion=1"),
            format!("{MAPS}?resourceVersion={number}"),
            format!("{MAPS}?resourceVersion={number}&resourceVersionMatch=Exact"),
            format!(
                "{MAPS}?resourceVersion={number}&resourceVersionMatch=NotOlderThan&limit={number}"
            ),
            format!("{MAPS}/a?resourceVersion={number}"),
            format!("{PODS}/p/log?tailLines={number}"),
            format!("{PODS}/p/log?limitBytes={number}"),
            format!("{PODS}/p/log?sinceSeconds={number}"),
            format!("{PODS}/p/log?sinceTime={number}"),
        ] {
            // A watch may last as long as it was asked to: its answer is enough.
            let watching = path.contains("watch=true");
            let reply = tokio::time::timeout(std::time::Duration::from_hours(48), api.get(&path));
            match reply.await {
                Ok(reply) => assert!(
                    reply.code < 500 || matches!(reply.code, 501 | 504),
                    "{path}: {} {}",
                    reply.code,
                    reply.body
                ),
                Err(_) => assert!(watching, "{path} does not end"),
            }
        }
        let path = format!("{PODS}/p?dryRun=All&gracePeriodSeconds={number}");
        let reply = api.delete(&path).await;
        assert!(reply.code < 500, "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn every_number_of_options_and_tokens_is_taken_or_refused() {
    let api = Api::start().await;
    for (index, number) in [0, 1, -1, i64::MAX, i64::MIN, 1 << 40]
        .into_iter()
        .enumerate()
    {
        let name = format!("p{index}");
        api.post(PODS, pod(&name)).await.expect(201);
        let reply = api
            .delete_with(
                &format!("{PODS}/{name}"),
                json!({"gracePeriodSeconds": number}),
            )
            .await;
        assert!(reply.code < 500, "{number}: {}", reply.body);
        let token = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": ["a"], "expirationSeconds": number}});
        let path = "/api/v1/namespaces/default/serviceaccounts/default/token";
        let reply = api.post(path, token).await;
        assert!(reply.code < 500, "{number}: {}", reply.body);
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name},
            "deleteOptions": {"gracePeriodSeconds": number}});
        let reply = api.post(&format!("{PODS}/{name}/eviction"), eviction).await;
        assert!(reply.code < 500, "{number}: {}", reply.body);
    }
}
