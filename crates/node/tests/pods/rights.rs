//! Security contexts, with real containers.

use k8s_openapi::api::core::v1::Pod;
use seatrial_node::runtime::sandbox::detect::Wanted;
use serde_json::json;

use crate::harness::{Test, has_ended};

/// Whether pods have users other than the node's own: only where the node runs as root.
fn has_users() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn users_and_groups_are_those_of_the_spec() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    if !has_users() {
        seatrial_testkit::skipped("only root can give a pod other users");
        return;
    }
    let agent = test.agent();
    let looks = "id -u; id -g; id -G; touch /data/file; stat -c '%u %g %a' /data; stat -c '%u %g' /data/file; stat -L -c '%g %a' /config/mode";
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "test"},
        "data": {"mode": "calm"}});
    test.cluster.create(map).await.unwrap();
    let mounts =
        json!([{"name": "data", "mountPath": "/data"}, {"name": "config", "mountPath": "/config"}]);
    let volumes = json!([{"name": "data", "emptyDir": {}},
        {"name": "config", "configMap": {"name": "settings", "defaultMode": 0o400}}]);
    let whole = json!({"runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000, "supplementalGroups": [4000]});
    test.script(
        "pod",
        looks,
        json!({"volumeMounts": mounts}),
        json!({"securityContext": whole, "volumes": volumes}),
    )
    .await;
    let own = json!({"securityContext": {"runAsUser": 1001, "runAsGroup": 3001}});
    test.script(
        "own",
        "id -u; id -g",
        own,
        json!({"securityContext": whole}),
    )
    .await;
    assert_eq!(
        test.printed(&agent, "pod", "main").await,
        "1000\n3000\n3000 2000 4000\n0 2000 2777\n1000 2000\n2000 440\n"
    );
    assert_eq!(test.printed(&agent, "own", "main").await, "1001\n3001\n");
    agent.stop().await;
}

#[tokio::test]
async fn root_is_refused_where_the_pod_says_so() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let strict = json!({"securityContext": {"runAsNonRoot": true}});
    test.script("root", "id -u", json!({}), strict).await;
    let refused = |pod: &Pod| {
        let all = pod
            .status
            .iter()
            .flat_map(|it| it.container_statuses.iter().flatten());
        let mut waiting = all.filter_map(|it| it.state.as_ref()?.waiting.as_ref());
        waiting.any(|it| {
            it.reason.as_deref() == Some("CreateContainerConfigError")
                && it.message.as_deref().is_some_and(|text| {
                    text.starts_with(
                        "container has runAsNonRoot and image will run as root (pod: \"root_test(",
                    ) && text.ends_with(")\", container: main)")
                })
        })
    };
    test.until("root", "the refusal", refused).await;
    test.told("Failed: Error: container has runAsNonRoot and image will run as root")
        .await;
    agent.stop().await;
}

#[tokio::test]
async fn rights_are_taken_and_given() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let context = |context: serde_json::Value| json!({"securityContext": context});
    let status = "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t\\n' '  '";
    let cases = [
        (
            "usual",
            context(json!({})),
            status,
            "CapEff: 00000000a80425fb NoNewPrivs: 0 Seccomp: 0 ",
        ),
        (
            "few",
            context(
                json!({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}, "allowPrivilegeEscalation": false}),
            ),
            status,
            "CapEff: 0000000000000400 NoNewPrivs: 1 Seccomp: 0 ",
        ),
        (
            "filtered",
            context(json!({"seccompProfile": {"type": "RuntimeDefault"}})),
            "grep -E '^Seccomp:' /proc/self/status | tr '\\t\\n' '  '; unshare -r true 2>/dev/null || echo refused",
            "Seccomp: 2 refused\n",
        ),
        (
            "free",
            context(json!({"seccompProfile": {"type": "Unconfined"}, "procMount": "Default"})),
            "grep -E '^Seccomp:' /proc/self/status | tr '\\t\\n' '  '",
            "Seccomp: 0 ",
        ),
        (
            "closed",
            context(json!({"readOnlyRootFilesystem": true})),
            "(echo x > /file) 2>/dev/null || echo refused; echo x > /dev/shm/file && echo written",
            "refused\nwritten\n",
        ),
    ];
    for (name, container, script, _) in &cases {
        test.script(name, script, container.clone(), json!({}))
            .await;
    }
    for (name, _, _, expected) in &cases {
        assert_eq!(
            test.printed(&agent, name, "main").await,
            *expected,
            "{name}"
        );
    }
    assert!(
        test.events()
            .await
            .iter()
            .all(|it| !it.starts_with("NotEnforced")),
        "{:?}",
        test.events().await
    );
    agent.stop().await;
}

#[tokio::test]
async fn safe_kernel_settings_are_made_and_others_refuse_the_pod() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let set = |name: &str, value: &str| json!({"securityContext": {"sysctls": [{"name": name, "value": value}]}});
    let port = set("net.ipv4.ip_local_port_range", "20000 20010");
    let read = "tr '\\t' ' ' < /proc/sys/net/ipv4/ip_local_port_range";
    test.script("safe", read, json!({}), port).await;
    test.script("unsafe", "true", json!({}), set("kernel.msgmax", "1"))
        .await;
    assert_eq!(test.printed(&agent, "safe", "main").await, "20000 20010\n");
    let status = test
        .until("unsafe", "the refusal", has_ended)
        .await
        .status
        .unwrap();
    assert_eq!(status.reason.as_deref(), Some("SysctlForbidden"));
    test.told("SysctlForbidden: forbidden sysctl: \"kernel.msgmax\" not allowlisted")
        .await;
    agent.stop().await;
}

#[tokio::test]
async fn what_cannot_be_enforced_is_told() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let context = json!({"securityContext": {"procMount": "Unmasked", "seccompProfile": {"type": "Localhost", "localhostProfile": "x.json"}},
        "resources": {"limits": {"ephemeral-storage": "1Gi"}}});
    let spec =
        json!({"hostPID": true, "volumes": [{"name": "data", "emptyDir": {"sizeLimit": "1Mi"}}]});
    test.script("asks", "true", context, spec).await;
    let told = test
        .told("NotEnforced: not enforced by the container runtime: ")
        .await;
    for part in [
        "main: securityContext.procMount",
        "main: securityContext.seccompProfile",
        "main: resources.limits.ephemeral-storage",
        "volume data: emptyDir.sizeLimit",
        "hostPID",
    ] {
        assert!(told.contains(part), "{told}");
    }
    agent.stop().await;
}
