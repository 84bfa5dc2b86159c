//! Services and what routes to them, storage, access, and the kinds with few rules.

#![allow(clippy::needless_pass_by_value)] // The cases are built in place.

use expect_test::expect;
use serde_json::{Value, json};

use super::table::{check, check_change};

fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
        "spec": {"type": "ClusterIP", "selector": {"a": "b"}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}})
}

#[test]
fn services() {
    let ports = |ports: Value| json!({ "ports": ports });
    let cases = [
        json!({"ports": null}),
        json!({"ports": null, "clusterIP": "None"}),
        ports(json!([{"port": 80, "name": "a"}, {"port": 80, "name": "a"}, {"port": 81}])),
        ports(
            json!([{"port": 0, "protocol": "ICMP", "targetPort": "UPPER", "appProtocol": "a b"}]),
        ),
        ports(json!([{"port": 80, "nodePort": 30000}])),
        json!({"type": "NodePort", "ports": [{"name": "a", "port": 80, "nodePort": 30000}, {"name": "b", "port": 81, "nodePort": 30000}]}),
        json!({"type": "NodePort", "clusterIP": "None"}),
        json!({"type": "Any"}),
        json!({"type": "ExternalName", "externalName": "A_b", "clusterIP": "10.0.0.1"}),
        json!({"type": "ExternalName", "externalName": "example.com.", "ports": null}),
        json!({"clusterIP": "x"}),
        json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.2"]}),
        json!({"selector": {"a b": "c d"}}),
        json!({"sessionAffinity": "Cookie"}),
        json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 86_401}}}),
        json!({"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 1}}}),
        json!({"externalIPs": ["x", "127.0.0.1", "0.0.0.0", "169.254.0.1", "1.2.3.4"]}),
        json!({"externalTrafficPolicy": "Local", "internalTrafficPolicy": "Any", "trafficDistribution": "Near", "healthCheckNodePort": 5}),
        json!({"loadBalancerSourceRanges": ["10.0.0.0/8"], "loadBalancerClass": "a/b", "allocateLoadBalancerNodePorts": true}),
        json!({"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0"], "externalTrafficPolicy": "Some"}),
        json!({"ipFamilies": ["IPv4", "IPv4", "IPv5"], "ipFamilyPolicy": "Dual"}),
    ];
    check(
        "",
        &service(),
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"ports":null}}
            Required spec.ports: Required value
        {"spec":{"clusterIP":"None","ports":null}}
        {"spec":{"ports":[{"name":"a","port":80},{"name":"a","port":80},{"port":81}]}}
            Duplicate spec.ports[1].name: Duplicate value: "a"
            Duplicate spec.ports[1]: Duplicate value: {"name":"a","port":80,"protocol":"TCP","targetPort":80}
            Required spec.ports[2].name: Required value
        {"spec":{"ports":[{"appProtocol":"a b","port":0,"protocol":"ICMP","targetPort":"UPPER"}]}}
            Invalid spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive
            NotSupported spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"
            Invalid spec.ports[0].targetPort: Invalid value: "UPPER": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)
            Invalid spec.ports[0].appProtocol: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
        {"spec":{"ports":[{"nodePort":30000,"port":80}]}}
            Forbidden spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'
        {"spec":{"ports":[{"name":"a","nodePort":30000,"port":80},{"name":"b","nodePort":30000,"port":81}],"type":"NodePort"}}
            Duplicate spec.ports[1].nodePort: Duplicate value: 30000
        {"spec":{"clusterIP":"None","type":"NodePort"}}
            Invalid spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services
        {"spec":{"type":"Any"}}
            NotSupported spec.type: Unsupported value: "Any": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"
        {"spec":{"clusterIP":"10.0.0.1","externalName":"A_b","type":"ExternalName"}}
            Invalid spec.externalName: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            Forbidden spec.clusterIP: Forbidden: may not be set when `type` is 'ExternalName'
        {"spec":{"externalName":"example.com.","ports":null,"type":"ExternalName"}}
        {"spec":{"clusterIP":"x"}}
            Invalid spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
        {"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.2"]}}
            Invalid spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`
        {"spec":{"selector":{"a b":"c d"}}}
            Invalid spec.selector: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
            Invalid spec.selector: Invalid value: "c d": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
        {"spec":{"sessionAffinity":"Cookie"}}
            NotSupported spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"
        {"spec":{"sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":86401}}}}
            Invalid spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400
        {"spec":{"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":1}}}}
        {"spec":{"externalIPs":["x","127.0.0.1","0.0.0.0","169.254.0.1","1.2.3.4"]}}
            Invalid spec.externalIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
            Invalid spec.externalIPs[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)
            Invalid spec.externalIPs[2]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)
            Invalid spec.externalIPs[3]: Invalid value: "169.254.0.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)
        {"spec":{"externalTrafficPolicy":"Local","healthCheckNodePort":5,"internalTrafficPolicy":"Any","trafficDistribution":"Near"}}
            NotSupported spec.internalTrafficPolicy: Unsupported value: "Any": supported values: "Cluster", "Local"
            Invalid spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services
            NotSupported spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"
            Invalid spec.healthCheckNodePort: Invalid value: 5: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'
        {"spec":{"allocateLoadBalancerNodePorts":true,"loadBalancerClass":"a/b","loadBalancerSourceRanges":["10.0.0.0/8"]}}
            Forbidden spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'
            Forbidden spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'
            Forbidden spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'
        {"spec":{"externalTrafficPolicy":"Some","loadBalancerSourceRanges":["10.0.0.0"],"type":"LoadBalancer"}}
            NotSupported spec.externalTrafficPolicy: Unsupported value: "Some": supported values: "Cluster", "Local"
            Invalid spec.loadBalancerSourceRanges: Invalid value: ["10.0.0.0"]: must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24
        {"spec":{"ipFamilies":["IPv4","IPv4","IPv5"],"ipFamilyPolicy":"Dual"}}
            Duplicate spec.ipFamilies[1]: Duplicate value: "IPv4"
            NotSupported spec.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"
            NotSupported spec.ipFamilyPolicy: Unsupported value: "Dual": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"
    "#]],
    );
    let mut base = service();
    base["spec"]["clusterIP"] = json!("10.0.0.1");
    base["spec"]["clusterIPs"] = json!(["10.0.0.1"]);
    base["spec"]["ipFamilies"] = json!(["IPv4"]);
    let cases = [
        json!({"clusterIP": "10.0.0.2", "clusterIPs": ["10.0.0.2"]}),
        json!({"clusterIP": null, "clusterIPs": null, "type": "ExternalName", "externalName": "x"}),
        json!({"ipFamilies": ["IPv6"]}),
        json!({"type": "LoadBalancer", "ports": [{"port": 81}]}),
    ];
    check_change(
        "",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"clusterIP":"10.0.0.2","clusterIPs":["10.0.0.2"]}}
            Invalid spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set
        {"spec":{"clusterIP":null,"clusterIPs":null,"externalName":"x","type":"ExternalName"}}
        {"spec":{"ipFamilies":["IPv6"]}}
            Invalid spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set
        {"spec":{"ports":[{"port":81}],"type":"LoadBalancer"}}
    "#]],
    );
}

#[test]
fn ingresses() {
    let base = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}, "spec": {"rules": [
        {"host": "*.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}});
    let path = |path: Value| {
        let mut one = json!({"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}});
        crate::patch::merge(&mut one, &path);
        json!({"rules": [{"http": {"paths": [one]}}]})
    };
    let cases = [
        json!({"rules": [{"host": "1.2.3.4"}, {"host": "a_b"}, {"host": "a.*.b"}]}),
        json!({"rules": [{"http": {"paths": []}}]}),
        path(json!({"path": "a//b"})),
        path(json!({"path": "/a/../b/.."})),
        path(json!({"pathType": null})),
        path(json!({"pathType": "Regex"})),
        path(json!({"backend": {"service": {"name": "S", "port": {"number": 0}}}})),
        path(json!({"backend": {"service": {"port": {"name": "http"}}}})),
        path(json!({"backend": {"resource": {"kind": "A", "name": "b"}}})),
        json!({"rules": null, "defaultBackend": {"service": {"name": "s", "port": {"name": "UPPER", "number": null}}}}),
    ];
    check(
        "networking.k8s.io",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"rules":[{"host":"1.2.3.4"},{"host":"a_b"},{"host":"a.*.b"}]}}
            Invalid spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address
            Invalid spec.rules[1].host: Invalid value: "a_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            Invalid spec.rules[2].host: Invalid value: "a.*.b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
        {"spec":{"rules":[{"http":{"paths":[]}}]}}
            Required spec.rules[0].http.paths: Required value
        {"spec":{"rules":[{"http":{"paths":[{"backend":{"service":{"name":"s","port":{"number":80}}},"path":"a//b","pathType":"Prefix"}]}}]}}
            Invalid spec.rules[0].http.paths[0].path: Invalid value: "a//b": must be an absolute path
            Invalid spec.rules[0].http.paths[0].path: Invalid value: "a//b": must not contain '//'
        {"spec":{"rules":[{"http":{"paths":[{"backend":{"service":{"name":"s","port":{"number":80}}},"path":"/a/../b/..","pathType":"Prefix"}]}}]}}
            Invalid spec.rules[0].http.paths[0].path: Invalid value: "/a/../b/..": must not contain '/../'
            Invalid spec.rules[0].http.paths[0].path: Invalid value: "/a/../b/..": cannot end with '/..'
        {"spec":{"rules":[{"http":{"paths":[{"backend":{"service":{"name":"s","port":{"number":80}}},"path":"/"}]}}]}}
            Required spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified
        {"spec":{"rules":[{"http":{"paths":[{"backend":{"service":{"name":"s","port":{"number":80}}},"path":"/","pathType":"Regex"}]}}]}}
            NotSupported spec.rules[0].http.paths[0].pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"
        {"spec":{"rules":[{"http":{"paths":[{"backend":{"service":{"name":"S","port":{"number":0}}},"path":"/","pathType":"Prefix"}]}}]}}
            Invalid spec.rules[0].http.paths[0].backend.service.name: Invalid value: "S": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')
            Invalid spec.rules[0].http.paths[0].backend.service.port.number: Invalid value: 0: must be between 1 and 65535, inclusive
        {"spec":{"rules":[{"http":{"paths":[{"backend":{"service":{"name":"s","port":{"name":"http","number":80}}},"path":"/","pathType":"Prefix"}]}}]}}
            Invalid spec.rules[0].http.paths[0].backend.service.port: Invalid value: {"name":"http","number":80}: cannot set both port name & port number
        {"spec":{"rules":[{"http":{"paths":[{"backend":{"resource":{"kind":"A","name":"b"},"service":{"name":"s","port":{"number":80}}},"path":"/","pathType":"Prefix"}]}}]}}
            Invalid spec.rules[0].http.paths[0].backend: Invalid value: {"resource":{"kind":"A","name":"b"},"service":{"name":"s","port":{"number":80}}}: cannot set both resource and service backends
        {"spec":{"defaultBackend":{"service":{"name":"s","port":{"name":"UPPER","number":null}}},"rules":null}}
            Invalid spec.defaultBackend.service.port.name: Invalid value: "UPPER": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)
    "#]],
    );
}

#[test]
fn network_policies() {
    let base = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n"}, "spec": {"podSelector": {}}});
    let peer = |peer: Value| json!({"ingress": [{"from": [peer]}]});
    let port = |port: Value| json!({"ingress": [{"ports": [port]}]});
    let cases = [
        json!({"policyTypes": ["Both"], "podSelector": {"matchLabels": {"a": "b c"}}}),
        peer(json!({})),
        peer(json!({"ipBlock": {"cidr": "10.0.0.0"}, "podSelector": {}})),
        peer(
            json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "11.0.0.0/16", "10.0.0.0/8", "fe80::/16"]}}),
        ),
        port(json!({"port": 70000, "protocol": "ICMP"})),
        port(json!({"port": 80, "endPort": 79})),
        port(json!({"port": "http", "endPort": 80})),
        port(json!({"endPort": 80})),
    ];
    check(
        "networking.k8s.io",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"podSelector":{"matchLabels":{"a":"b c"}},"policyTypes":["Both"]}}
            Invalid spec.podSelector.matchLabels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
            NotSupported spec.policyTypes[0]: Unsupported value: "Both": supported values: "Egress", "Ingress"
        {"spec":{"ingress":[{"from":[{}]}]}}
            Required spec.ingress[0].from[0]: Required value: must specify a peer
        {"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0"},"podSelector":{}}]}]}}
            Invalid spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)
            Forbidden spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer
        {"spec":{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16","11.0.0.0/16","10.0.0.0/8","fe80::/16"]}}]}]}}
            Invalid spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`
            Invalid spec.ingress[0].from[0].ipBlock.except[2]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`
            Invalid spec.ingress[0].from[0].ipBlock.except[3]: Invalid value: "fe80::/16": must be a strict subset of `cidr`
        {"spec":{"ingress":[{"ports":[{"port":70000,"protocol":"ICMP"}]}]}}
            NotSupported spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"
            Invalid spec.ingress[0].ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive
        {"spec":{"ingress":[{"ports":[{"endPort":79,"port":80}]}]}}
            Invalid spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`
        {"spec":{"ingress":[{"ports":[{"endPort":80,"port":"http"}]}]}}
            Invalid spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is non-numeric
        {"spec":{"ingress":[{"ports":[{"endPort":80}]}]}}
            Invalid spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified
    "#]],
    );
}

#[test]
fn access() {
    let base = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}});
    let cases = [
        json!({"subjects": [{"kind": "ServiceAccount", "name": "A", "apiGroup": "x"}]}),
        json!({"subjects": [{"kind": "User", "name": "u", "apiGroup": "x"}, {"kind": "Robot", "name": ""}]}),
        json!({"roleRef": {"apiGroup": "x", "kind": "Roles", "name": ""}}),
    ];
    check(
        "rbac.authorization.k8s.io",
        &base,
        &cases,
        &expect![[r#"
        {"subjects":[{"apiGroup":"x","kind":"ServiceAccount","name":"A"}]}
            Invalid subjects[0].name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            NotSupported subjects[0].apiGroup: Unsupported value: "x": supported values: ""
            Required subjects[0].namespace: Required value
        {"subjects":[{"apiGroup":"x","kind":"User","name":"u"},{"kind":"Robot","name":""}]}
            NotSupported subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"
            Required subjects[1].name: Required value
            NotSupported subjects[1].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"
        {"roleRef":{"apiGroup":"x","kind":"Roles","name":""}}
            NotSupported roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"
            NotSupported roleRef.kind: Unsupported value: "Roles": supported values: "ClusterRole", "Role"
            Required roleRef.name: Required value
    "#]],
    );
    let cases = [json!({"roleRef": {"name": "x"}}), json!({"subjects": []})];
    check_change(
        "rbac.authorization.k8s.io",
        &base,
        &cases,
        &expect![[r#"
        {"roleRef":{"name":"x"}}
            Invalid roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"x"}: cannot change roleRef
        {"subjects":[]}
    "#]],
    );
    let base = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let cases = [
        json!({"rules": [{"apiGroups": [""], "resources": ["pods"]}]}),
        json!({"rules": [{"verbs": ["get"]}]}),
        json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"]}]}),
        json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b c"}}]}}),
    ];
    check(
        "rbac.authorization.k8s.io",
        &base,
        &cases,
        &expect![[r#"
        {"rules":[{"apiGroups":[""],"resources":["pods"]}]}
            Required rules[0].verbs: Required value: verbs must contain at least one value
        {"rules":[{"verbs":["get"]}]}
            Required rules[0].apiGroups: Required value: resource rules must supply at least one api group
            Required rules[0].resources: Required value: resource rules must supply at least one resource
        {"rules":[{"nonResourceURLs":["/x"],"resources":["pods"],"verbs":["get"]}]}
            Invalid rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs
        {"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b c"}}]}}
            Invalid aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
    "#]],
    );
}

#[test]
fn storage() {
    let base = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let cases = [
        json!({"accessModes": []}),
        json!({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"], "volumeMode": "Tape"}),
        json!({"resources": {"requests": {"storage": "0"}}}),
        json!({"resources": null}),
    ];
    check(
        "",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"accessModes":[]}}
            Required spec.accessModes: Required value: at least 1 access mode is required
        {"spec":{"accessModes":["ReadWriteOncePod","ReadWriteOnce"],"volumeMode":"Tape"}}
            Forbidden spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes
            NotSupported spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"
        {"spec":{"resources":{"requests":{"storage":"0"}}}}
            Invalid spec.resources.requests.storage: Invalid value: "0": must be greater than zero
        {"spec":{"resources":null}}
            Required spec.resources[storage]: Required value
    "#]],
    );
    let mut bound = base.clone();
    bound["spec"]["volumeName"] = json!("v");
    // Its volume is larger than it asked for.
    bound["status"] = json!({"capacity": {"storage": "5Gi"}});
    let cases = [
        json!({}),
        json!({"resources": {"requests": {"storage": "2Gi"}}}),
        json!({"resources": {"requests": {"storage": "1Mi"}}}),
        json!({"accessModes": ["ReadOnlyMany"]}),
        json!({"storageClassName": "x"}),
    ];
    check_change(
        "",
        &bound,
        &cases.map(spec),
        &expect![[r#"
            {"spec":{}}
            {"spec":{"resources":{"requests":{"storage":"2Gi"}}}}
            {"spec":{"resources":{"requests":{"storage":"1Mi"}}}}
                Forbidden spec.resources.requests.storage: Forbidden: field can not be less than status.capacity
            {"spec":{"accessModes":["ReadOnlyMany"]}}
                Forbidden spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims
            {"spec":{"storageClassName":"x"}}
                Forbidden spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims
        "#]],
    );
    let base = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"},
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/v"}}});
    let cases = [
        json!({"accessModes": null, "capacity": null, "hostPath": null}),
        json!({"nfs": {"server": "s", "path": "/"}, "persistentVolumeReclaimPolicy": "Burn"}),
    ];
    check(
        "",
        &base,
        &cases.map(spec),
        &expect![[r#"
        {"spec":{"accessModes":null,"capacity":null,"hostPath":null}}
            Required spec.accessModes: Required value
            Required spec.capacity: Required value
            Required spec: Required value: must specify a volume type
        {"spec":{"nfs":{"path":"/","server":"s"},"persistentVolumeReclaimPolicy":"Burn"}}
            NotSupported spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"
            Forbidden spec.nfs: Forbidden: may not specify more than 1 volume type
    "#]],
    );
    check_change(
        "",
        &base,
        &[spec(json!({"hostPath": {"path": "/w"}}))],
        &expect![[r#"
            {"spec":{"hostPath":{"path":"/w"}}}
                Forbidden spec: Forbidden: spec.persistentvolumesource is immutable after creation
        "#]],
    );
    let base = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "c"}, "provisioner": "p"});
    let cases = [json!({"provisioner": "", "reclaimPolicy": "Burn", "volumeBindingMode": "Later"})];
    check(
        "storage.k8s.io",
        &base,
        &cases,
        &expect![[r#"
        {"provisioner":"","reclaimPolicy":"Burn","volumeBindingMode":"Later"}
            Required provisioner: Required value
            NotSupported reclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Retain"
            NotSupported volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"
    "#]],
    );
    check_change(
        "storage.k8s.io",
        &base,
        &[json!({"provisioner": "q", "allowVolumeExpansion": true})],
        &expect![[r#"
            {"allowVolumeExpansion":true,"provisioner":"q"}
                Forbidden provisioner: Forbidden: updates to provisioner are forbidden.
        "#]],
    );
}

#[test]
fn small_kinds() {
    let base = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "p"}, "value": 1});
    let cases = [
        json!({"value": 1_000_000_001, "preemptionPolicy": "Always"}),
        json!({"metadata": {"name": "system-x"}}),
    ];
    check(
        "scheduling.k8s.io",
        &base,
        &cases,
        &expect![[r#"
        {"preemptionPolicy":"Always","value":1000000001}
            Forbidden value: Forbidden: maximum allowed value of a user defined priority is 1000000000
            NotSupported preemptionPolicy: Unsupported value: "Always": supported values: "Never", "PreemptLowerPriority"
        {"metadata":{"name":"system-x"}}
            Forbidden metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only
    "#]],
    );
    let base = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {}});
    let cases = [
        json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1, "holderIdentity": ""}}),
    ];
    check(
        "coordination.k8s.io",
        &base,
        &cases,
        &expect![[r#"
        {"spec":{"holderIdentity":"","leaseDurationSeconds":0,"leaseTransitions":-1}}
            Invalid spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0
            Invalid spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0
            Invalid spec.holderIdentity: Invalid value: "": must not be empty
    "#]],
    );
    let base = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "e"},
        "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"name": "a", "port": 80}]});
    let cases = [
        json!({"addressType": "IPv5", "endpoints": [{"addresses": []}, {"addresses": ["x"]}]}),
        json!({"ports": [{"name": "a"}, {"name": "a"}, {"name": "B", "protocol": "ICMP"}]}),
    ];
    check(
        "discovery.k8s.io",
        &base,
        &cases,
        &expect![[r#"
        {"addressType":"IPv5","endpoints":[{"addresses":[]},{"addresses":["x"]}]}
            NotSupported addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"
            Required endpoints[0].addresses: Required value: must contain at least 1 address
            Invalid endpoints[1].addresses[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
        {"ports":[{"name":"a"},{"name":"a"},{"name":"B","protocol":"ICMP"}]}
            Duplicate ports[1].name: Duplicate value: "a"
            Invalid ports[2].name: Invalid value: "B": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
            NotSupported ports[2].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"
    "#]],
    );
    check_change(
        "discovery.k8s.io",
        &base,
        &[json!({"addressType": "FQDN"})],
        &expect![[r#"
            {"addressType":"FQDN"}
                Invalid addressType: Invalid value: "FQDN": field is immutable
        "#]],
    );
    let base = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    let cases = [spec(
        json!({"taints": [{"key": "a b", "value": "c d", "effect": "NoWay"}, {"key": "", "effect": ""}]}),
    )];
    check(
        "",
        &base,
        &cases,
        &expect![[r#"
        {"spec":{"taints":[{"effect":"NoWay","key":"a b","value":"c d"},{"effect":"","key":""}]}}
            Invalid spec.taints[0].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
            Invalid spec.taints[0].value: Invalid value: "c d": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
            NotSupported spec.taints[0].effect: Unsupported value: "NoWay": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"
            Required spec.taints[1].key: Required value
            Required spec.taints[1].effect: Required value
    "#]],
    );
    let base = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "n"}, "spec": {"controller": "a.b/c"}});
    check(
        "networking.k8s.io",
        &base,
        &[spec(json!({"controller": "c"}))],
        &expect![[r#"
            {"spec":{"controller":"c"}}
                Invalid spec.controller: Invalid value: "c": must be a domain-prefixed path (such as "acme.io/foo")
        "#]],
    );
    check_change(
        "networking.k8s.io",
        &base,
        &[spec(json!({"controller": "a.b/d"}))],
        &expect![[r#"
            {"spec":{"controller":"a.b/d"}}
                Invalid spec.controller: Invalid value: "a.b/d": field is immutable
        "#]],
    );
}
