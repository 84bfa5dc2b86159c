use super::joined;

pub(crate) const WORDS: &[&str] = &[
    "GET ",
    "POST ",
    "PUT ",
    "PATCH ",
    "DELETE ",
    "HEAD ",
    "OPTIONS ",
    "/api",
    "/apis",
    "/v1",
    "/apps/v1",
    "/namespaces/default",
    "/pods",
    "/deployments",
    "/configmaps",
    "/nodes",
    "/secrets",
    "/a",
    "/status",
    "/scale",
    "/log",
    "/exec",
    "/binding",
    "/eviction",
    "/token",
    "/finalize",
    "/proxy",
    "?",
    "&",
    "limit=",
    "continue=",
    "resourceVersion=",
    "resourceVersionMatch=NotOlderThan",
    "watch=true",
    "timeoutSeconds=",
    "sendInitialEvents=true",
    "allowWatchBookmarks=true",
    "labelSelector=",
    "fieldSelector=",
    "dryRun=All",
    "fieldManager=",
    "force=true",
    "fieldValidation=Strict",
    "propagationPolicy=Orphan",
    "gracePeriodSeconds=",
    "%2F",
    "%00",
    "%ff",
    "..",
    "//",
    "\ncontent-type: application/json",
    "\ncontent-type: application/yaml",
    "\ncontent-type: application/apply-patch+yaml",
    "\ncontent-type: application/json-patch+json",
    "\ncontent-type: application/strategic-merge-patch+json",
    "\ncontent-type: application/merge-patch+json",
    "\ncontent-type: application/vnd.kubernetes.protobuf",
    "\nimpersonate-user: a",
    "\nimpersonate-group: b",
    "\nuser-agent: x",
    "\x1e",
    "{}",
    "[]",
    "\"metadata\":{\"name\":\"a\"}",
    "\"uid\":\"x\"",
    "\"resourceVersion\":\"1\"",
    "\"generateName\":\"g\"",
    "\"kind\":\"DeleteOptions\"",
    "\"preconditions\":{}",
    "\"finalizers\":[\"a/b\"]",
    "9223372036854775807",
    "18446744073709551616",
    "-1",
    "/openapi/v3",
    "/openapi/v2",
    "/version",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
];

pub(crate) fn request() -> Vec<Vec<u8>> {
    let map = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"b":"c"}}"#;
    let deployment = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"a","image":"b"}]}}}}"#;
    let definition = r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget","singular":"widget","listKind":"WidgetList"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"n":{"type":"integer"}},"x-kubernetes-validations":[{"rule":"self.n < 5"}]}}}},"subresources":{"status":{},"scale":{"specReplicasPath":".spec.n","statusReplicasPath":".status.n"}}}]}}"#;
    let maps = "/api/v1/namespaces/default/configmaps";
    joined(&[
        &[&format!("POST {maps}\ncontent-type: application/json"), map],
        &[
            &format!("PUT {maps}/a\ncontent-type: application/json"),
            map,
        ],
        &[
            &format!(
                "PATCH {maps}/a?fieldManager=f&force=true\ncontent-type: application/apply-patch+yaml"
            ),
            map,
        ],
        &[
            &format!("PATCH {maps}/a\ncontent-type: application/json-patch+json"),
            r#"[{"op":"add","path":"/data/x","value":"y"}]"#,
        ],
        &[
            &format!("PATCH {maps}/a\ncontent-type: application/merge-patch+json"),
            r#"{"data":{"b":null}}"#,
        ],
        &[
            &format!("DELETE {maps}/a?gracePeriodSeconds=0&propagationPolicy=Background"),
            r#"{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"x"}}"#,
        ],
        &[&format!(
            "GET {maps}?limit=2&labelSelector=a%3Db&fieldSelector=metadata.name%3Da&resourceVersion=0"
        )],
        &[&format!(
            "GET {maps}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=1"
        )],
        &[&format!("DELETE {maps}?dryRun=All")],
        &[
            "POST /apis/apps/v1/namespaces/default/deployments?fieldValidation=Strict\ncontent-type: application/json",
            deployment,
        ],
        &[
            "PUT /apis/apps/v1/namespaces/default/deployments/a/scale\ncontent-type: application/json",
            r#"{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a"},"spec":{"replicas":3}}"#,
        ],
        &[
            "PATCH /apis/apps/v1/namespaces/default/deployments/a\ncontent-type: application/strategic-merge-patch+json",
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"c"}]}}}}"#,
        ],
        &[
            "POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions\ncontent-type: application/json",
            definition,
        ],
        &[
            "POST /apis/example.com/v1/namespaces/default/widgets\ncontent-type: application/json",
            r#"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"n":3}}"#,
        ],
        &["GET /apis/example.com/v1/widgets?limit=1"],
        &[
            "POST /api/v1/namespaces/default/pods\ncontent-type: application/yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: a, image: b}]\n",
        ],
        &[
            "POST /api/v1/namespaces/default/pods/p/binding\ncontent-type: application/json",
            r#"{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"n"}}"#,
        ],
        &[
            "POST /api/v1/namespaces/default/pods/p/eviction\ncontent-type: application/json",
            r#"{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"}}"#,
        ],
        &[
            "GET /api/v1/namespaces/default/pods/p/log?tailLines=5&sinceSeconds=3&limitBytes=9&follow=true",
        ],
        &["GET /api/v1/namespaces/default/pods/p/exec?command=a&container=b&stdin=true"],
        &[
            "POST /api/v1/namespaces/default/serviceaccounts/default/token\ncontent-type: application/json",
            r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["a"],"expirationSeconds":600}}"#,
        ],
        &[
            "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews\ncontent-type: application/json",
            r#"{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}}"#,
        ],
        &[
            "PUT /api/v1/namespaces/default/finalize\ncontent-type: application/json",
            r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"},"spec":{"finalizers":[]}}"#,
        ],
        &["GET /openapi/v3/apis/apps/v1"],
        &["GET /apis/apps/v1"],
        &["GET /api/v1/namespaces/a%2Fb/pods/..%2f..?watch=1&watch=0"],
    ])
}
