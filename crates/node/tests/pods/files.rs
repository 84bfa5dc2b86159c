//! Volumes of every kind, as containers see them.

use std::fs;
use std::os::unix::net::UnixListener;

use kube::api::{Patch, PatchParams};
use seatrial_node::agent::HostPaths;
use seatrial_node::runtime::sandbox::detect::Wanted;
use serde_json::{Value, json};

use crate::harness::{Test, has_ended, is_ready};

async fn settings(test: &Test, mode: &str) {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "test"},
        "data": {"mode": mode, "size": "7"}});
    test.cluster.create(map).await.unwrap();
}

#[tokio::test]
async fn containers_share_volumes_and_parts_of_them() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    settings(&test, "calm").await;
    let mount = |path: &str, more: Value| {
        let mut mount = json!({"name": "data", "mountPath": path});
        mount
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        mount
    };
    let main = json!({"name": "main", "image": "shop:1", "command": ["/bin/sh", "-c",
            "until test -f /all/done; do sleep 0.02; done; cat /part/file /own/file; (echo x > /closed/x) 2>/dev/null || echo refused; \
             cat /etc/one; ls /all /all/logs; grep -o 'tmpfs' /proc/mounts | sort -u; stat -f -c %T /memory; \
             (head -c 3000000 /dev/zero > /memory/big) 2>/dev/null || echo full"],
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "volumeMounts": [mount("/all", json!({})), mount("/part", json!({"subPath": "logs/deep"})),
            mount("/own", json!({"subPathExpr": "logs/$(POD)"})), mount("/closed", json!({"readOnly": true})),
            {"name": "config", "mountPath": "/etc/one", "subPath": "mode"}, {"name": "memory", "mountPath": "/memory"}]});
    let other = json!({"name": "other", "image": "shop:1", "command": ["/bin/sh", "-c",
            "mkdir -p /data/logs/deep /data/logs/web; echo deep > /data/logs/deep/file; echo own > /data/logs/web/file; touch /data/done"],
        "volumeMounts": [mount("/data", json!({}))]});
    let spec = json!({"restartPolicy": "Never", "volumes": [{"name": "data", "emptyDir": {}},
        {"name": "config", "configMap": {"name": "settings"}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]});
    test.create("web", json!([main, other]), spec).await;
    let text = test.printed(&agent, "web", "main").await;
    assert_eq!(
        text,
        "deep\nown\nrefused\ncalm/all:\ndone\nlogs\n\n/all/logs:\ndeep\nweb\ntmpfs\ntmpfs\nfull\n"
    );
    let out = json!({"volumeMounts": [{"name": "data", "mountPath": "/x", "subPathExpr": "$(UP)"}],
        "env": [{"name": "UP", "value": "../.."}]});
    test.script(
        "out",
        "true",
        out,
        json!({"volumes": [{"name": "data", "emptyDir": {}}]}),
    )
    .await;
    let told = test.told("Failed: Error: ").await;
    assert!(told.contains("must not contain '..'"), "{told}");
    agent.stop().await;
}

#[tokio::test]
async fn what_pods_are_told_about_themselves_and_their_settings_follows_changes() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    settings(&test, "calm").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "test"},
        "stringData": {"word": "sesame"}});
    test.cluster.create(secret).await.unwrap();
    let labels = json!({"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}});
    let limit = json!({"path": "memory", "resourceFieldRef": {"containerName": "main", "resource": "limits.memory", "divisor": "1Mi"}});
    let volumes = json!([{"name": "all", "projected": {"defaultMode": 0o440, "sources": [
        {"configMap": {"name": "settings", "items": [{"key": "mode", "path": "conf/mode"}]}},
        {"secret": {"name": "key", "items": [{"key": "word", "path": "word", "mode": 0o400}]}},
        {"downwardAPI": {"items": [labels, limit]}},
        {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}}]}}]);
    let script = "cd /all; cat conf/mode; echo; cat word memory; echo; cat labels; echo; test $(tr -cd . < token | wc -c) = 2 && echo token; \
        stat -L -c %a conf/mode word; echo $NODE $LIMIT $ADDRESS $UIDS; \
        until grep -q wild conf/mode && grep -q moon labels; do sleep 0.05; done; echo changed";
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let container = json!({"volumeMounts": [{"name": "all", "mountPath": "/all"}],
        "resources": {"limits": {"memory": "64Mi"}},
        "env": [field("NODE", "spec.nodeName"), field("ADDRESS", "status.podIP"), field("NAME", "metadata.name"),
            {"name": "UIDS", "value": "$(NAME)-x"},
            {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}]});
    test.script("web", script, container, json!({"volumes": volumes}))
        .await;
    let pod = test.until("web", "ready", is_ready).await;
    let address = pod.status.unwrap().pod_ip.unwrap();
    test.until_printed(&agent, "web", "main", "web-x").await;
    let params = PatchParams::default();
    let label = json!({"metadata": {"labels": {"phase": "moon"}}});
    test.pods
        .patch("web", &params, &Patch::Merge(label))
        .await
        .unwrap();
    let maps: kube::Api<k8s_openapi::api::core::v1::ConfigMap> =
        kube::Api::namespaced(test.cluster.client.clone(), "test");
    let wild = json!({"data": {"mode": "wild"}});
    maps.patch("settings", &params, &Patch::Merge(wild))
        .await
        .unwrap();
    assert_eq!(
        test.printed(&agent, "web", "main").await,
        format!("calm\nsesame64\n\ntoken\n440\n400\nnode 67108864 {address} web-x\nchanged\n")
    );
    agent.stop().await;
}

#[tokio::test]
async fn files_of_the_machine_are_refused_unless_allowed() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let spec = json!({"volumes": [{"name": "etc", "hostPath": {"path": "/etc"}}]});
    test.script("web", "true", json!({}), spec).await;
    let told = test
        .told("FailedMount: MountVolume.SetUp failed for volume \"etc\"")
        .await;
    assert!(told.contains("--allow-host-path"), "{told}");
    agent.stop().await;
}

#[tokio::test]
async fn files_of_the_machine_are_of_the_kind_that_is_asked_for() {
    let Some(mut test) = Test::start(Wanted::Container).await else {
        return;
    };
    test.host_paths = HostPaths::Allowed;
    let agent = test.agent();
    let outside = test.directory.path().join("outside");
    fs::create_dir_all(outside.join("there")).unwrap();
    fs::write(outside.join("file"), "from outside\n").unwrap();
    let _socket = UnixListener::bind(outside.join("socket")).unwrap();
    let volume = |name: &str, path: &str, kind: &str| json!({"name": name, "hostPath": {"path": outside.join(path), "type": kind}});
    let volumes = json!([volume("dir", "there", "Directory"), volume("new", "made/here", "DirectoryOrCreate"),
        volume("file", "file", "File"), volume("touch", "touched", "FileOrCreate"), volume("any", "untyped", ""),
        volume("socket", "socket", "Socket"), {"name": "null", "hostPath": {"path": "/dev/null", "type": "CharDevice"}}]);
    let names = ["dir", "new", "file", "touch", "any", "socket"];
    let mounts: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "mountPath": format!("/host/{name}")}))
        .collect();
    let script = "cd /host; cat file; echo x > touch; echo x > dir/x; test -S socket && test -d new && test -d any && echo right";
    test.script(
        "web",
        script,
        json!({"volumeMounts": mounts}),
        json!({"volumes": volumes}),
    )
    .await;
    assert_eq!(
        test.printed(&agent, "web", "main").await,
        "from outside\nright\n"
    );
    for written in ["touched", "there/x"] {
        assert_eq!(fs::read_to_string(outside.join(written)).unwrap(), "x\n");
    }
    for (name, path, kind, problem) in [
        ("one", "file", "Directory", "is not a directory"),
        ("two", "there", "File", "is not a file"),
        ("three", "missing", "Directory", "is not a directory"),
        ("four", "file", "Socket", "is not a socket file"),
        ("five", "file", "BlockDevice", "is not a block device"),
        ("six", "file", "CharDevice", "is not a character device"),
    ] {
        test.script(
            name,
            "true",
            json!({}),
            json!({"volumes": [volume(name, path, kind)]}),
        )
        .await;
        let path = outside.join(path);
        test.told(&format!(
            "FailedMount: MountVolume.SetUp failed for volume {name:?} : hostPath type check failed: {} {problem}",
            path.display()
        ))
        .await;
    }
    agent.stop().await;
}

#[tokio::test]
async fn a_missing_source_is_waited_for() {
    let Some(test) = Test::start(Wanted::Container).await else {
        return;
    };
    let agent = test.agent();
    let volumes = json!({"volumes": [{"name": "config", "configMap": {"name": "settings"}}]});
    let mounts = json!({"volumeMounts": [{"name": "config", "mountPath": "/config"}]});
    test.script("web", "cat /config/mode", mounts, volumes)
        .await;
    test.told("FailedMount: MountVolume.SetUp failed for volume \"config\"")
        .await;
    settings(&test, "calm").await;
    let pod = test.until("web", "the end", has_ended).await;
    assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Succeeded"));
    assert_eq!(test.log(&agent, "web", "main").await, "calm");
    agent.stop().await;
}
