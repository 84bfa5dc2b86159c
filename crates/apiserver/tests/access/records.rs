//! What is written down: the audit log, and certificates.

use super::*;

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Sink for Lines {
    fn take(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test]
async fn what_the_policy_asks_for_is_written_down_without_secrets() {
    let api = Api::start().await;
    let lines = Arc::new(Lines::default());
    let policy = "{apiVersion: audit.k8s.io/v1, kind: Policy, omitStages: [RequestReceived], rules: [{level: RequestResponse}]}";
    api.server
        .state()
        .audit
        .start(Policy::read(policy).unwrap(), lines.clone());
    let secret = json!({ "metadata": { "name": "s" }, "stringData": { "password": "hunter2" } });
    api.post("/api/v1/namespaces/default/secrets", secret)
        .await
        .expect(201);
    let jane = Somebody::user(&api, "jane");
    jane.get("/api/v1/namespaces/default/secrets")
        .await
        .expect(403);
    let admin = Somebody::of(&api, Identity::admin());
    admin
        .send("GET", PODS, &[("impersonate-user", "jane")], Value::Null)
        .await
        .expect(403);
    api.watch(&format!("{PODS}?watch=true&timeoutSeconds=0"))
        .await;
    let written = std::mem::take(&mut *lines.0.lock().unwrap());
    let all = written.join("\n");
    assert!(
        !all.contains("hunter2") && !all.contains("aHVudGVyMg"),
        "{all}"
    );
    let events: Vec<Value> = written
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary: Vec<String> = events
        .iter()
        .map(|event| {
            format!(
                "{} {} {} {} {} {} {}",
                event["stage"].as_str().unwrap(),
                event["verb"].as_str().unwrap(),
                event["objectRef"]["resource"].as_str().unwrap(),
                event["user"]["username"].as_str().unwrap(),
                event["impersonatedUser"]["username"],
                event["responseStatus"]["code"],
                event["annotations"]["authorization.k8s.io/decision"],
            )
        })
        .collect();
    expect![[r#"
        ResponseComplete create secrets seatrial-admin null 201 "allow"
        ResponseComplete list secrets jane null 403 "forbid"
        ResponseComplete list pods seatrial-admin "jane" 403 "forbid"
        ResponseStarted watch pods seatrial-admin null 200 "allow"
        ResponseComplete watch pods seatrial-admin null 200 "allow""#]]
    .assert_eq(&summary.join("\n"));
    assert_eq!(events[0]["requestObject"]["stringData"]["password"], "***");
}

#[tokio::test]
async fn certificates_are_approved_by_whoever_may() {
    let api = Api::start().await;
    let request = include_str!("../support/request.pem");
    let body = json!({ "metadata": { "name": "jane" }, "spec": {
        "request": base64(request.as_bytes()),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
        "username": "somebody else",
    }});
    let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let made = api.post(path, body).await.expect(201);
    assert_eq!(made["spec"]["username"], "seatrial-admin");
    let clerk = Somebody::user(&api, "clerk");
    let rules = json!([rule(
        &["get", "update", "patch"],
        "certificates.k8s.io",
        &[
            "certificatesigningrequests",
            "certificatesigningrequests/approval"
        ]
    )]);
    api.post(&format!("{RBAC}/clusterroles"), role("clerk", rules))
        .await
        .expect(201);
    api.post(
        &format!("{RBAC}/clusterrolebindings"),
        binding("clerk", "ClusterRole", "clerk", user("clerk")),
    )
    .await
    .expect(201);
    let approved = json!({ "status": { "certificate": "eA==", "conditions": [{ "type": "Approved", "status": "True", "reason": "Fine" }] } });
    let approval = format!("{path}/jane/approval");
    expect![[r#"certificatesigningrequests.certificates.k8s.io "jane" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client""#]]
        .assert_eq(clerk.send("PATCH", &approval, &[], approved.clone()).await.message());
    let approver = "system:certificates.k8s.io:kube-apiserver-client-approver";
    api.post(
        &format!("{RBAC}/clusterrolebindings"),
        binding("approver", "ClusterRole", approver, user("clerk")),
    )
    .await
    .expect(201);
    let done = clerk
        .send("PATCH", &approval, &[], approved)
        .await
        .expect(200);
    assert_eq!(done["status"]["conditions"][0]["type"], "Approved");
    assert!(
        done["status"]["certificate"].is_null(),
        "that is the signer's"
    );
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn managed_fields_are_left_out_where_the_policy_says_so() {
    let api = Api::start().await;
    let mut counts = Vec::new();
    for (policy, rule) in [
        ("false", ""),
        ("true", ""),
        ("true", ", omitManagedFields: false"),
    ] {
        let lines = Arc::new(Lines::default());
        let policy = format!(
            "{{apiVersion: audit.k8s.io/v1, kind: Policy, omitStages: [RequestReceived], \
             omitManagedFields: {policy}, rules: [{{level: RequestResponse{rule}}}]}}"
        );
        let audit = &api.server.state().audit;
        audit.start(Policy::read(&policy).unwrap(), lines.clone());
        api.post(MAPS, config_map(&format!("m{}", counts.len())))
            .await
            .expect(201);
        api.get(MAPS).await.expect(200);
        let written = std::mem::take(&mut *lines.0.lock().unwrap());
        let with = written.iter().map(|line| line.contains("managedFields"));
        counts.push(with.filter(|with| *with).count());
    }
    assert_eq!(counts, [2, 0, 2]);
}

/// The annotations of the newest event of each request, one line for each.
fn annotations(lines: &Lines) -> Vec<String> {
    let written = std::mem::take(&mut *lines.0.lock().unwrap());
    let events = written
        .iter()
        .map(|line| serde_json::from_str(line).unwrap());
    let own = events.map(|event: Value| {
        let mut notes = event["annotations"].clone();
        let notes = notes.as_object_mut().unwrap();
        notes.retain(|key, _| !key.starts_with("authorization."));
        json!(notes).to_string()
    });
    own.collect()
}

#[tokio::test]
async fn what_policies_and_pod_security_note_is_written_down() {
    let api = Api::start().await;
    let admission = "/apis/admissionregistration.k8s.io/v1";
    let policy = json!({ "metadata": { "name": "policy" }, "spec": {
        "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
        "matchConstraints": { "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"],
            "operations": ["CREATE"], "resources": ["secrets"] }] },
        "validations": [{ "expression": "size(object.metadata.name) <= int(params.data.most)",
            "messageExpression": "'longer than ' + params.data.most" }],
        "auditAnnotations": [
            { "key": "length", "valueExpression": "string(size(object.metadata.name))" },
            { "key": "silent", "valueExpression": "null" },
        ],
    }});
    api.post(&format!("{admission}/validatingadmissionpolicies"), policy)
        .await
        .expect(201);
    let binding = json!({ "metadata": { "name": "binding" }, "spec": { "policyName": "policy",
        "validationActions": ["Audit"], "paramRef": { "parameterNotFoundAction": "Deny",
            "selector": { "matchLabels": { "limits": "yes" } } } } });
    api.post(
        &format!("{admission}/validatingadmissionpolicybindings"),
        binding,
    )
    .await
    .expect(201);
    for (name, most, labels) in [
        ("a", "2", json!({ "limits": "yes" })),
        ("b", "3", json!({ "limits": "yes" })),
        ("c", "1", json!({})),
    ] {
        let map =
            json!({ "metadata": { "name": name, "labels": labels }, "data": { "most": most } });
        api.post(MAPS, map).await.expect(201);
    }
    let guarded = json!({ "metadata": { "name": "guarded", "labels": {
        "pod-security.kubernetes.io/audit": "baseline" } } });
    api.post("/api/v1/namespaces", guarded).await.expect(201);
    let account = json!({ "metadata": { "name": "default" } });
    api.post("/api/v1/namespaces/guarded/serviceaccounts", account)
        .await
        .expect(201);
    let lines = Arc::new(Lines::default());
    let policy = "{apiVersion: audit.k8s.io/v1, kind: Policy, omitStages: [RequestReceived], rules: [{level: Metadata}]}";
    api.server
        .state()
        .audit
        .start(Policy::read(policy).unwrap(), lines.clone());
    for name in ["ab", "abc", "abcd"] {
        let secret = json!({ "metadata": { "name": name } });
        api.post("/api/v1/namespaces/default/secrets", secret)
            .await
            .expect(201);
    }
    let mut host = pod("host");
    host["spec"]["hostNetwork"] = json!(true);
    api.post("/api/v1/namespaces/guarded/pods", host)
        .await
        .expect(201);
    expect![[r#"
        {"policy/length":"2"}
        {"policy/length":"3","validation.policy.admission.k8s.io/validation_failure":"[{\"binding\":\"binding\",\"expressionIndex\":0,\"message\":\"longer than 2\",\"policy\":\"policy\",\"validationActions\":[\"Audit\"]}]"}
        {"policy/length":"4","validation.policy.admission.k8s.io/validation_failure":"[{\"binding\":\"binding\",\"expressionIndex\":0,\"message\":\"longer than 2\",\"policy\":\"policy\",\"validationActions\":[\"Audit\"]},{\"binding\":\"binding\",\"expressionIndex\":0,\"message\":\"longer than 3\",\"policy\":\"policy\",\"validationActions\":[\"Audit\"]}]"}
        {"pod-security.kubernetes.io/audit-violations":"would violate PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)","pod-security.kubernetes.io/enforce-policy":"privileged:latest"}"#]].assert_eq(&annotations(&lines).join("\n"));
}
