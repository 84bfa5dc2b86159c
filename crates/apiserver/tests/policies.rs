//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy, seen by a client.

#![allow(clippy::unwrap_used)] // Tests.

mod support;

use expect_test::expect;
use serde_json::{Value, json};
use support::{Api, DEPLOYMENTS, MAPS, PODS, Reply, config_map, deployment, pod};

const GROUP: &str = "/apis/admissionregistration.k8s.io";

fn rules(group: &str, resource: &str) -> Value {
    json!({ "resourceRules": [{ "apiGroups": [group], "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"], "resources": [resource] }] })
}

fn with(mut object: Value, more: Value) -> Value {
    object
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    object
}

async fn validating(api: &Api, spec: Value) -> Reply {
    let policy = json!({ "metadata": { "name": "policy" }, "spec": spec });
    let path = format!("{GROUP}/v1/validatingadmissionpolicies");
    api.delete(&format!("{path}/policy")).await;
    api.post(&path, policy).await
}

async fn bind(api: &Api, spec: Value) {
    let spec = with(json!({ "policyName": "policy" }), spec);
    let binding = json!({ "metadata": { "name": "binding" }, "spec": spec });
    let path = format!("{GROUP}/v1/validatingadmissionpolicybindings");
    api.delete(&format!("{path}/binding")).await;
    api.post(&path, binding).await.expect(201);
}

fn replicas(count: i64) -> Value {
    let mut deployment = deployment("web");
    deployment["spec"]["replicas"] = json!(count);
    deployment
}

#[tokio::test]
async fn a_policy_refuses_warns_and_audits_as_its_binding_says() {
    let api = Api::start().await;
    let spec = json!({
        "matchConstraints": rules("apps", "deployments"),
        "variables": [{ "name": "count", "expression": "object.spec.replicas" }],
        "validations": [
            { "expression": "variables.count <= 5", "messageExpression": "'at most 5 replicas, not ' + string(variables.count)" },
            { "expression": "object.metadata.name != 'root'", "message": "no roots", "reason": "Forbidden" },
            { "expression": "request.userInfo.username != 'nobody' && authorizer.group('apps').resource('deployments').check('create').allowed() && namespaceObject.metadata.name == 'default'" },
        ],
    });
    let made = validating(&api, spec).await.expect(201);
    assert_eq!(
        made["status"],
        json!({"observedGeneration": 1, "typeChecking": {}})
    );
    let dry = format!("{DEPLOYMENTS}?dryRun=All");
    api.post(&dry, replicas(9)).await.expect(201);
    bind(&api, json!({ "validationActions": ["Deny"] })).await;
    let refused = api.post(&dry, replicas(9)).await;
    expect![[r#"{"apiVersion":"v1","code":422,"details":{"causes":[{"message":"ValidatingAdmissionPolicy 'policy' with binding 'binding' denied request: at most 5 replicas, not 9"}],"group":"apps","kind":"deployments","name":"web"},"kind":"Status","message":"deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'policy' with binding 'binding' denied request: at most 5 replicas, not 9","metadata":{},"reason":"Invalid","status":"Failure"}"#]].assert_eq(&refused.body.to_string());
    api.post(&dry, replicas(5)).await.expect(201);
    let mut root = replicas(1);
    root["metadata"]["name"] = json!("root");
    assert_eq!(api.post(&dry, root).await.code, 403);
    bind(&api, json!({ "validationActions": ["Warn", "Audit"] })).await;
    let warned = api.post(&dry, replicas(9)).await;
    assert_eq!(
        warned.headers["warning"],
        r#"299 - "Validation failed for ValidatingAdmissionPolicy 'policy' with binding 'binding': at most 5 replicas, not 9""#
    );
    warned.expect(201);
    let elsewhere = json!({ "validationActions": ["Deny"],
        "matchResources": { "namespaceSelector": { "matchLabels": { "env": "production" } } } });
    bind(&api, elsewhere).await;
    api.post(&dry, replicas(9)).await.expect(201);
}

#[tokio::test]
async fn parameters_come_from_the_binding() {
    let api = Api::start().await;
    let spec = json!({
        "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
        "matchConstraints": rules("apps", "deployments"),
        "matchConditions": [{ "name": "not-tools", "expression": "object.metadata.name != 'tool'" }],
        "validations": [{ "expression": "object.spec.replicas <= int(params.data.most)" }],
    });
    validating(&api, spec).await.expect(201);
    let reference = |action: &str| {
        json!({ "validationActions": ["Deny"],
        "paramRef": { "name": "limits", "namespace": "default", "parameterNotFoundAction": action } })
    };
    let dry = format!("{DEPLOYMENTS}?dryRun=All");
    bind(&api, reference("Allow")).await;
    api.post(&dry, replicas(9)).await.expect(201);
    bind(&api, reference("Deny")).await;
    let mut lines = vec![api.post(&dry, replicas(9)).await.message().to_owned()];
    let mut limits = config_map("limits");
    limits["data"] = json!({ "most": "3" });
    api.post(MAPS, limits.clone()).await.expect(201);
    lines.push(api.post(&dry, replicas(9)).await.message().to_owned());
    api.post(&dry, replicas(3)).await.expect(201);
    let mut tool = replicas(9);
    tool["metadata"]["name"] = json!("tool");
    api.post(&dry, tool).await.expect(201);
    limits["data"] = json!({ "other": "3" });
    api.put(&format!("{MAPS}/limits"), limits).await.expect(200);
    lines.push(api.post(&dry, replicas(1)).await.message().to_owned());
    expect![[r#"
        deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'policy' with binding 'binding' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction
        deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'policy' with binding 'binding' denied request: failed expression: object.spec.replicas <= int(params.data.most)
        deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'policy' with binding 'binding' denied request: expression 'object.spec.replicas <= int(params.data.most)' resulted in error: no such key: most"#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn expressions_are_checked_when_a_policy_is_written() {
    let api = Api::start().await;
    let spec = |validation: Value| {
        json!({
        "matchConstraints": rules("apps", "deployments"), "validations": [validation] })
    };
    let wrong = [
        json!({ "expression": "object.spec.replicas <" }),
        json!({ "expression": "nothing.spec == 1" }),
        json!({ "expression": "'text'" }),
        json!({ "expression": "true", "messageExpression": "1 + 1" }),
    ];
    let mut lines = Vec::new();
    for validation in wrong {
        let refused = validating(&api, spec(validation)).await;
        lines.push(format!("{} {}", refused.code, refused.message()));
    }
    expect![[r#"
        422 ValidatingAdmissionPolicy.admissionregistration.k8s.io "policy" is invalid: spec.validations[0].expression: Invalid value: "object.spec.replicas <": compilation failed: ERROR: <input>:1:23: Syntax error: mismatched input '<EOF>' expecting an expression
         | object.spec.replicas <
         | ......................^
        422 ValidatingAdmissionPolicy.admissionregistration.k8s.io "policy" is invalid: spec.validations[0].expression: Invalid value: "nothing.spec == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing' (in container '')
         | nothing.spec == 1
         | ^
        422 ValidatingAdmissionPolicy.admissionregistration.k8s.io "policy" is invalid: spec.validations[0].expression: Invalid value: "'text'": compilation failed: ERROR: <input>:1:1: must evaluate to bool
         | 'text'
         | ^
        422 ValidatingAdmissionPolicy.admissionregistration.k8s.io "policy" is invalid: spec.validations[0].messageExpression: Invalid value: "1 + 1": compilation failed: ERROR: <input>:1:1: must evaluate to string
         | 1 + 1
         | ^"#]].assert_eq(&lines.join("\n"));
    // What the kind's type knows better is said in the status.
    let typo = spec(json!({ "expression": "object.spec.replica <= 5" }));
    let made = validating(&api, typo).await.expect(201);
    expect![[r#"{"observedGeneration":1,"typeChecking":{"expressionWarnings":[{"fieldRef":"spec.validations[0].expression","warning":"apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'\n | object.spec.replica <= 5\n | ...........^\n"}]}}"#]].assert_eq(&made["status"].to_string());
    bind(&api, json!({ "validationActions": ["Deny"] })).await;
    let refused = api.post(DEPLOYMENTS, replicas(1)).await;
    expect![[r#"deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'policy' with binding 'binding' denied request: expression 'object.spec.replica <= 5' resulted in error: no such key: replica"#]].assert_eq(refused.message());
    let ignoring = with(
        spec(json!({ "expression": "object.spec.replica <= 5" })),
        json!({ "failurePolicy": "Ignore" }),
    );
    validating(&api, ignoring).await.expect(201);
    api.post(DEPLOYMENTS, replicas(1)).await.expect(201);
}

async fn mutating(api: &Api, name: &str, spec: Value) {
    let policy = json!({ "metadata": { "name": name }, "spec": spec });
    api.post(
        &format!("{GROUP}/v1beta1/mutatingadmissionpolicies"),
        policy,
    )
    .await
    .expect(201);
    let binding = json!({ "metadata": { "name": name }, "spec": { "policyName": name } });
    api.post(
        &format!("{GROUP}/v1alpha1/mutatingadmissionpolicybindings"),
        binding,
    )
    .await
    .expect(201);
}

#[tokio::test]
async fn mutating_policies_merge_and_patch() {
    let api = Api::start().await;
    let sidecar = r#"Object{ spec: Object.spec{
        initContainers: [Object.spec.initContainers{ name: "proxy", image: "proxy:1", restartPolicy: "Always" }] } }"#;
    mutating(&api, "sidecar", json!({
        "matchConstraints": rules("", "pods"),
        "matchConditions": [{ "name": "once", "expression":
            "!has(object.spec.initContainers) || !object.spec.initContainers.exists(c, c.name == 'proxy')" }],
        "reinvocationPolicy": "IfNeeded",
        "mutations": [{ "patchType": "ApplyConfiguration", "applyConfiguration": { "expression": sidecar } }],
    })).await;
    let label = r#"[ has(object.metadata.labels)
        ? JSONPatch{ op: "add", path: "/metadata/labels/team", value: "sea" }
        : JSONPatch{ op: "add", path: "/metadata/labels", value: { "team": "sea" } } ]"#;
    mutating(
        &api,
        "label",
        json!({
            "matchConstraints": rules("", "pods"),
            "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": label } }],
        }),
    )
    .await;
    let mut one = pod("a");
    one["spec"]["initContainers"] = json!([{ "name": "setup", "image": "setup:1" }]);
    let made = api
        .post("/api/v1/namespaces/default/pods", one)
        .await
        .expect(201);
    assert_eq!(made["metadata"]["labels"], json!({ "team": "sea" }));
    let containers = made["spec"]["initContainers"].as_array().unwrap();
    let names: Vec<&str> = containers
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["setup", "proxy"]);
    assert_eq!(containers[1]["restartPolicy"], "Always");
    // The defaults of what a policy added were filled in.
    assert_eq!(containers[1]["imagePullPolicy"], "IfNotPresent");
    assert_eq!(made["spec"]["containers"][0]["name"], "main");
    mutating(
        &api,
        "broken",
        json!({
            "matchConstraints": rules("", "configmaps"),
            "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression":
                r#"[JSONPatch{ op: "remove", path: "/data/none" }]"# } }],
        }),
    )
    .await;
    let refused = api.post(MAPS, config_map("a")).await;
    expect![[r#"403 configmaps "a" is forbidden: policy 'broken' with binding 'broken' denied request: remove operation does not apply: doc is missing path: "/data/none": missing value"#]].assert_eq(&format!("{} {}", refused.code, refused.message()));
}

#[tokio::test]
async fn a_policy_may_refuse_connections_to_pods() {
    let api = Api::start().await;
    let rules = json!({ "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"],
        "operations": ["CONNECT"], "resources": ["pods/exec", "pods/attach"] }] });
    let spec = json!({
        "matchConstraints": rules,
        "validations": [{
            "expression": "object.kind != 'PodExecOptions' || object.command[0] != 'rm'",
            "message": "no rm here",
        }],
    });
    validating(&api, spec).await.expect(201);
    bind(&api, json!({ "validationActions": ["Deny"] })).await;
    api.post(PODS, pod("p")).await.expect(201);
    let connect = async |query: &str| {
        let request = http::Request::get(format!("{PODS}/p/{query}"))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA==");
        api.send(request.body(axum::body::Body::empty()).unwrap())
            .await
    };
    let refused = connect("exec?command=rm&command=-rf&stdout=true").await;
    assert_eq!(refused.code, 422);
    assert!(
        refused.message().ends_with("denied request: no rm here"),
        "{}",
        refused.message()
    );
    // These get as far as the pod, which is on no node.
    for query in ["exec?command=ls&stdout=true", "attach?stdout=true"] {
        let let_in = connect(query).await;
        assert_eq!(let_in.message(), "pod p does not have a host assigned");
    }
}
