//! The built-in steps of the admission chain, seen by a client.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests.

mod support;

use expect_test::expect;
use seatrial_apiserver::admission::PodSecurity;
use serde_json::{Value, json};
use support::{Api, DEPLOYMENTS, MAPS, PODS, config_map, deployment, pod};

const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const CLASSES: &str = "/apis/scheduling.k8s.io/v1/priorityclasses";

/// A quota whose use was counted, as its controller does it.
async fn quota(api: &Api, name: &str, spec: Value, used: Value) {
    let quota = json!({ "metadata": { "name": name }, "spec": spec });
    let mut quota = api.post(QUOTAS, quota).await.expect(201);
    quota["status"] = json!({ "hard": spec["hard"], "used": used });
    api.put(&format!("{QUOTAS}/{name}/status"), quota)
        .await
        .expect(200);
}

async fn used(api: &Api, name: &str) -> String {
    let quota = api.get(&format!("{QUOTAS}/{name}")).await.expect(200);
    quota["status"]["used"].to_string()
}

fn with_resources(name: &str, resources: Value) -> Value {
    let mut pod = pod(name);
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

#[tokio::test]
async fn a_namespace_must_exist_and_stay() {
    let api = Api::start().await;
    let path = "/api/v1/namespaces/other/configmaps";
    let refused = api.post(path, config_map("a")).await;
    assert_eq!(
        (refused.code, refused.message()),
        (404, "namespaces \"other\" not found")
    );
    api.post("/api/v1/namespaces", json!({"metadata": {"name": "other"}}))
        .await
        .expect(201);
    api.post(path, config_map("a")).await.expect(201);
    api.delete("/api/v1/namespaces/other").await.expect(200);
    let refused = api.post(path, config_map("b")).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            403,
            "configmaps \"b\" is forbidden: unable to create new content in namespace other because it is being terminated"
        )
    );
    assert_eq!(
        refused.body["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
}

#[tokio::test]
async fn pods_get_what_the_cluster_gives_them() {
    let api = Api::start().await;
    api.server.state().be_known_by("PEM".to_owned());
    let secrets = json!({"imagePullSecrets": [{"name": "registry"}]});
    api.patch(
        "/api/v1/namespaces/default/serviceaccounts/default",
        "merge",
        secrets,
    )
    .await
    .expect(200);
    let made = api.post(PODS, pod("a")).await.expect(201);
    let mut spec = made["spec"].clone();
    let volume = spec["volumes"][0]["name"].as_str().unwrap().to_owned();
    assert!(
        volume.starts_with("kube-api-access-") && volume.len() == 21,
        "{volume}"
    );
    spec["containers"] = spec["containers"][0]["volumeMounts"].take();
    spec["volumes"] = spec["volumes"][0]["projected"].take();
    let fields = [
        "containers",
        "imagePullSecrets",
        "preemptionPolicy",
        "priority",
        "serviceAccount",
        "serviceAccountName",
        "tolerations",
        "volumes",
    ];
    let shown: Vec<String> = fields
        .iter()
        .map(|field| format!("{field}: {}", spec[*field]))
        .collect();
    expect![[r#"
        containers: [{"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount","name":"VOLUME","readOnly":true}]
        imagePullSecrets: [{"name":"registry"}]
        preemptionPolicy: "PreemptLowerPriority"
        priority: 0
        serviceAccount: "default"
        serviceAccountName: "default"
        tolerations: [{"effect":"NoExecute","key":"node.kubernetes.io/not-ready","operator":"Exists","tolerationSeconds":300},{"effect":"NoExecute","key":"node.kubernetes.io/unreachable","operator":"Exists","tolerationSeconds":300}]
        volumes: {"defaultMode":420,"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},{"configMap":{"items":[{"key":"ca.crt","path":"ca.crt"}],"name":"kube-root-ca.crt"}},{"downwardAPI":{"items":[{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"},"path":"namespace"}]}}]}"#]].assert_eq(&shown.join("\n").replace(&volume, "VOLUME"));
    let mut quiet = pod("quiet");
    quiet["spec"]["automountServiceAccountToken"] = json!(false);
    quiet["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    let made = api.post(PODS, quiet).await.expect(201);
    assert_eq!(made["spec"].get("volumes"), None);
    assert_eq!(made["spec"]["tolerations"], json!([{"operator": "Exists"}]));
}

#[tokio::test]
async fn a_pod_runs_as_an_account_that_exists() {
    let api = Api::start().await;
    let mut stranger = pod("a");
    stranger["spec"]["serviceAccountName"] = json!("robot");
    let refused = api.post(PODS, stranger).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            403,
            "pods \"a\" is forbidden: error looking up service account default/robot: serviceaccount \"robot\" not found"
        )
    );
}

#[tokio::test]
async fn priorities_come_from_classes() {
    let api = Api::start().await;
    let class = |name: &str, value: i64, default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": default});
    let system = api
        .get(&format!("{CLASSES}/system-node-critical"))
        .await
        .expect(200);
    assert_eq!(system["value"], 2_000_001_000);
    api.post(CLASSES, class("high", 1000, false))
        .await
        .expect(201);
    api.post(CLASSES, class("usual", 10, true))
        .await
        .expect(201);
    let refused = api.post(CLASSES, class("other", 20, true)).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            403,
            "priorityclasses.scheduling.k8s.io \"other\" is forbidden: PriorityClass usual is already marked as default. Only one default can exist"
        )
    );
    let classy = |name: &str, class: &str, priority: Value| {
        let mut pod = pod(name);
        pod["spec"]["priorityClassName"] = json!(class);
        pod["spec"]["priority"] = priority;
        pod
    };
    let usual = api.post(PODS, pod("a")).await.expect(201);
    assert_eq!(
        (
            &usual["spec"]["priorityClassName"],
            &usual["spec"]["priority"]
        ),
        (&json!("usual"), &json!(10))
    );
    let high = api
        .post(PODS, classy("b", "high", Value::Null))
        .await
        .expect(201);
    assert_eq!(high["spec"]["priority"], 1000);
    let refused = api.post(PODS, classy("c", "high", json!(7))).await;
    assert_eq!(
        refused.message(),
        "pods \"c\" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name"
    );
    let refused = api.post(PODS, classy("c", "none", Value::Null)).await;
    assert_eq!(
        refused.message(),
        "pods \"c\" is forbidden: no PriorityClass with name none was found"
    );
}

#[tokio::test]
async fn runtime_classes_place_pods_and_cost_something() {
    let api = Api::start().await;
    let class = json!({
        "metadata": { "name": "careful" },
        "handler": "careful",
        "overhead": { "podFixed": { "cpu": "10m" } },
        "scheduling": {
            "nodeSelector": { "careful": "yes" },
            "tolerations": [{ "key": "careful", "operator": "Exists" }],
        },
    });
    api.post("/apis/node.k8s.io/v1/runtimeclasses", class)
        .await
        .expect(201);
    let with = |name: &str, spec: Value| {
        let mut pod = pod(name);
        let (Value::Object(into), Value::Object(from)) = (&mut pod["spec"], spec) else {
            panic!("a spec is an object");
        };
        into.extend(from);
        pod
    };
    let made = with(
        "a",
        json!({ "runtimeClassName": "careful", "nodeSelector": { "disk": "fast" } }),
    );
    let made = api.post(PODS, made).await.expect(201);
    assert_eq!(made["spec"]["overhead"], json!({ "cpu": "10m" }));
    assert_eq!(
        made["spec"]["nodeSelector"],
        json!({ "careful": "yes", "disk": "fast" })
    );
    let keys: Vec<&Value> = made["spec"]["tolerations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["key"])
        .collect();
    assert!(keys.contains(&&json!("careful")), "{keys:?}");
    let refused = [
        (
            json!({ "runtimeClassName": "none" }),
            "pod rejected: RuntimeClass \"none\" not found",
        ),
        (
            json!({ "runtimeClassName": "careful", "overhead": { "cpu": "1" } }),
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            json!({ "overhead": { "cpu": "1" } }),
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
        ),
        (
            json!({ "runtimeClassName": "careful", "nodeSelector": { "careful": "no" } }),
            "conflict: runtimeClass.scheduling.nodeSelector[careful] = yes; pod.spec.nodeSelector[careful] = no",
        ),
    ];
    for (spec, message) in refused {
        let reply = api.post(PODS, with("b", spec)).await;
        let whole = format!("pods \"b\" is forbidden: {message}");
        assert_eq!((reply.code, reply.message()), (403, &*whole));
    }
    let same = json!({ "runtimeClassName": "careful", "overhead": { "cpu": "0.01" } });
    api.post(PODS, with("c", same)).await.expect(201);
}

#[tokio::test]
async fn limit_ranges_fill_and_bound() {
    let api = Api::start().await;
    let range = json!({ "metadata": { "name": "limits" }, "spec": { "limits": [
        { "type": "Container", "max": {"cpu": "2"}, "default": {"memory": "1Gi"} } ] } });
    api.post("/api/v1/namespaces/default/limitranges", range)
        .await
        .expect(201);
    let made = api.post(PODS, pod("a")).await.expect(201);
    assert_eq!(
        made["spec"]["containers"][0]["resources"]["limits"],
        json!({"cpu": "2", "memory": "1Gi"})
    );
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu, memory request for container main; cpu, memory limit for container main"
    );
    let refused = api
        .post(PODS, with_resources("b", json!({"limits": {"cpu": "3"}})))
        .await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            403,
            "pods \"b\" is forbidden: maximum cpu usage per Container is 2, but limit is 3"
        )
    );
}

#[tokio::test]
async fn a_quota_is_charged_and_given_back() {
    let api = Api::start().await;
    let spec = json!({"hard": {"pods": "2", "requests.cpu": "1", "count/configmaps": "1"}});
    quota(
        &api,
        "all",
        spec,
        json!({"pods": "0", "requests.cpu": "0", "count/configmaps": "0"}),
    )
    .await;
    let half = |name: &str| with_resources(name, json!({"requests": {"cpu": "600m"}}));
    let refused = api.post(PODS, pod("silent")).await;
    assert_eq!(
        refused.message(),
        "pods \"silent\" is forbidden: failed quota: all: must specify requests.cpu for: main"
    );
    api.post(&format!("{PODS}?dryRun=All"), half("a"))
        .await
        .expect(201);
    api.post(PODS, half("a")).await.expect(201);
    assert_eq!(
        used(&api, "all").await,
        r#"{"count/configmaps":"0","pods":"1","requests.cpu":"600m"}"#
    );
    let refused = api.post(PODS, half("b")).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            403,
            "pods \"b\" is forbidden: exceeded quota: all, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1"
        )
    );
    let status = json!({"status": {"phase": "Succeeded"}});
    api.patch(&format!("{PODS}/a/status"), "merge", status)
        .await
        .expect(200);
    assert_eq!(
        used(&api, "all").await,
        r#"{"count/configmaps":"0","pods":"0","requests.cpu":"0"}"#
    );
    api.post(PODS, half("b")).await.expect(201);
    api.delete(&format!("{PODS}/b")).await.expect(200);
    api.post(MAPS, config_map("a")).await.expect(201);
    let refused = api.post(MAPS, config_map("b")).await;
    assert_eq!(
        refused.message(),
        "configmaps \"b\" is forbidden: exceeded quota: all, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1"
    );
    api.delete(&format!("{MAPS}/a")).await.expect(200);
    assert_eq!(
        used(&api, "all").await,
        r#"{"count/configmaps":"0","pods":"0","requests.cpu":"0"}"#
    );
}

#[tokio::test]
async fn many_at_once_never_exceed_a_quota() {
    let api = Api::start().await;
    quota(
        &api,
        "maps",
        json!({"hard": {"configmaps": "10"}}),
        json!({"configmaps": "0"}),
    )
    .await;
    let names: Vec<String> = (0..40).map(|at| format!("m{at}")).collect();
    let writes = names.iter().map(|name| api.post(MAPS, config_map(name)));
    let replies = futures::future::join_all(writes).await;
    let made = replies.iter().filter(|reply| reply.code == 201).count();
    let refused = replies.iter().filter(|reply| reply.code == 403).count();
    assert_eq!((made, refused), (10, 30));
    assert_eq!(used(&api, "maps").await, r#"{"configmaps":"10"}"#);
}

#[tokio::test]
async fn scopes_say_which_pods_a_quota_counts() {
    let api = Api::start().await;
    let spec = json!({"hard": {"pods": "1"}, "scopes": ["BestEffort"]});
    quota(&api, "idle", spec, json!({"pods": "0"})).await;
    api.post(PODS, with_resources("a", json!({"requests": {"cpu": "1"}})))
        .await
        .expect(201);
    api.post(PODS, pod("b")).await.expect(201);
    let refused = api.post(PODS, pod("c")).await;
    assert_eq!(
        refused.message(),
        "pods \"c\" is forbidden: exceeded quota: idle, requested: pods=1, used: pods=1, limited: pods=1"
    );
}

#[tokio::test]
async fn pod_security_refuses_and_warns() {
    let api = Api::start().await;
    let labels = |labels: Value| json!({"metadata": {"labels": labels}});
    let namespace = "/api/v1/namespaces/default";
    let mut host = pod("host");
    host["spec"]["hostNetwork"] = json!(true);
    api.post(PODS, host.clone()).await.expect(201);
    let strict = labels(json!({"pod-security.kubernetes.io/enforce": "baseline"}));
    let patched = api.patch(namespace, "merge", strict).await;
    let warnings: Vec<&str> = patched
        .headers
        .get_all("warning")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    expect![[r#"
        299 - "existing pods in namespace \"default\" violate the new PodSecurity enforce level \"baseline:latest\""
        299 - "host: host namespaces""#]].assert_eq(&warnings.join("\n"));
    patched.expect(200);
    host["metadata"]["name"] = json!("other");
    let refused = api.post(PODS, host.clone()).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            403,
            "pods \"other\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)"
        )
    );
    let mut workload = deployment("web");
    workload["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    let warned = api.post(DEPLOYMENTS, workload).await;
    assert_eq!(
        warned.headers["warning"],
        r#"299 - "would violate PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)""#
    );
    warned.expect(201);
    let wrong = labels(json!({"pod-security.kubernetes.io/enforce": "strict"}));
    assert_eq!(api.patch(namespace, "merge", wrong).await.code, 422);
}

#[tokio::test]
async fn a_new_node_takes_no_pods_until_it_is_ready() {
    const NODES: &str = "/api/v1/nodes";
    let api = Api::start().await;
    let own = json!({ "key": "a", "value": "b", "effect": "NoSchedule" });
    let not_ready = json!({ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" });
    for (name, given, expected) in [
        ("plain", json!(null), json!([not_ready])),
        ("own", json!([own]), json!([own, not_ready])),
        ("both", json!([not_ready]), json!([not_ready])),
    ] {
        let node = json!({ "metadata": { "name": name }, "spec": { "taints": given } });
        let made = api.post(NODES, node).await.expect(201);
        assert_eq!(made["spec"]["taints"], expected, "{name}");
    }
    // Only at its creation: afterwards it is the controller's.
    let bare = json!({ "spec": { "taints": null } });
    let patched = api.patch(&format!("{NODES}/plain"), "merge", bare).await;
    assert!(patched.expect(200)["spec"].get("taints").is_none());
}

#[tokio::test]
async fn pod_security_spares_who_is_exempt() {
    let api = Api::start().await;
    let configuration = "
apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: { enforce: baseline }
exemptions: { namespaces: [kube-system], runtimeClasses: [sealed] }
";
    let configuration = PodSecurity::read(configuration).unwrap();
    api.server.state().secure_pods_by(configuration);
    let mut host = pod("host");
    host["spec"]["hostNetwork"] = json!(true);
    let refused = api.post(PODS, host.clone()).await;
    assert_eq!(
        refused.message(),
        "pods \"host\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)"
    );
    let exempt = "/api/v1/namespaces/kube-system/pods";
    api.post(exempt, host.clone()).await.expect(201);
    let class = json!({ "metadata": { "name": "sealed" }, "handler": "sealed" });
    let classes = "/apis/node.k8s.io/v1/runtimeclasses";
    api.post(classes, class).await.expect(201);
    host["spec"]["runtimeClassName"] = json!("sealed");
    api.post(PODS, host).await.expect(201);
    let labels =
        json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } });
    let warned = api
        .patch("/api/v1/namespaces/kube-system", "merge", labels)
        .await;
    assert_eq!(
        warned.headers["warning"],
        r#"299 - "namespace \"kube-system\" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored""#
    );
    warned.expect(200);
}

#[tokio::test]
async fn claims_and_ingresses_get_the_default_class() {
    let api = Api::start().await;
    let class = |group: &str, name: &str, default: bool, rest: Value| {
        let mut class = json!({"metadata": {"name": name, "annotations": {
            format!("{group}.kubernetes.io/is-default-class"): default.to_string() }}});
        class
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        class
    };
    for (name, default) in [("slow", false), ("fast", true)] {
        let storage = class(
            "storageclass",
            name,
            default,
            json!({"provisioner": "example.com/x"}),
        );
        api.post("/apis/storage.k8s.io/v1/storageclasses", storage)
            .await
            .expect(201);
        let ingress = class(
            "ingressclass",
            name,
            default,
            json!({"spec": {"controller": "example.com/x"}}),
        );
        api.post("/apis/networking.k8s.io/v1/ingressclasses", ingress)
            .await
            .expect(201);
    }
    let claim = json!({"metadata": {"name": "a"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let made = api
        .post("/api/v1/namespaces/default/persistentvolumeclaims", claim)
        .await
        .expect(201);
    assert_eq!(made["spec"]["storageClassName"], "fast");
    let ingress = json!({"metadata": {"name": "a"}, "spec": {"defaultBackend": {
        "service": {"name": "s", "port": {"number": 80}}}}});
    let made = api
        .post(
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
            ingress,
        )
        .await
        .expect(201);
    assert_eq!(made["spec"]["ingressClassName"], "fast");
}
