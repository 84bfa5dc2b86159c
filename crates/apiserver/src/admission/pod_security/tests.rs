#![allow(clippy::unwrap_used)] // Tests.

use expect_test::expect;
use serde_json::json;

use super::level::Level;
use super::*;

fn standard(level: Level, version: Option<u32>) -> Standard {
    Standard { level, version }
}

fn found(level: Level, version: Option<u32>, pod: &Value) -> String {
    violations(&standard(level, version), pod).unwrap_or_else(|| "allowed".to_owned())
}

fn pod(container: Value, spec: Value) -> Value {
    let mut one = json!({ "name": "a" });
    one.as_object_mut()
        .unwrap()
        .extend(container.as_object().unwrap().clone());
    let mut whole = json!({ "containers": [one] });
    whole
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({ "metadata": {}, "spec": whole })
}

#[test]
fn the_baseline_refuses_what_leads_out() {
    let context = |context: Value| pod(json!({ "securityContext": context }), json!({}));
    let cases = [
        pod(json!({}), json!({})),
        pod(json!({}), json!({"hostNetwork": true, "hostPID": true})),
        pod(
            json!({}),
            json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
        ),
        pod(
            json!({"ports": [{"hostPort": 80}, {"hostPort": 443}]}),
            json!({}),
        ),
        pod(
            json!({"livenessProbe": {"httpGet": {"host": "127.0.0.1"}}}),
            json!({}),
        ),
        context(json!({"privileged": true})),
        context(json!({"capabilities": {"add": ["NET_RAW", "CHOWN", "SYS_ADMIN"]}})),
        context(json!({"procMount": "Unmasked"})),
        context(json!({"seLinuxOptions": {"type": "x_t", "user": "u"}})),
        context(json!({"seccompProfile": {"type": "Unconfined"}})),
        context(json!({"appArmorProfile": {"type": "Unconfined"}})),
        context(json!({"windowsOptions": {"hostProcess": true}})),
        pod(
            json!({}),
            json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}}),
        ),
    ];
    let lines: Vec<String> = cases
        .iter()
        .map(|pod| found(Level::Baseline, None, pod))
        .collect();
    expect![[r#"
        allowed
        host namespaces (hostNetwork=true, hostPID=true)
        hostPath volumes (volume "v")
        hostPort (container "a" uses hostPorts 443, 80)
        probe or lifecycle host (container "a" uses probe or lifecycle host "127.0.0.1")
        privileged (container "a" must not set securityContext.privileged=true)
        non-default capabilities (container "a" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)
        procMount (container "a" must not set securityContext.procMount to "Unmasked")
        seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "x_t"; user may not be set)
        seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")
        forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined")
        hostProcess (container "a" must not set securityContext.windowsOptions.hostProcess=true)
        forbidden sysctls (kernel.msgmax)"#]].assert_eq(&lines.join("\n"));
    let probe = &cases[4];
    assert_eq!(found(Level::Baseline, Some(33), probe), "allowed");
    assert_eq!(found(Level::Privileged, None, &cases[1]), "allowed");
    assert_eq!(
        found(Level::Baseline, Some(28), &cases[12]),
        "forbidden sysctls (kernel.msgmax, net.ipv4.tcp_rmem)"
    );
}

#[test]
fn restricted_asks_for_good_practice() {
    let good = json!({ "securityContext": {
        "allowPrivilegeEscalation": false, "runAsNonRoot": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"} } });
    let mut two = pod(good.clone(), json!({}));
    two["spec"]["initContainers"] = json!([{"name": "b"}, {"name": "c"}]);
    let cases = [
        pod(json!({}), json!({})),
        pod(good.clone(), json!({})),
        two,
        pod(
            good.clone(),
            json!({"securityContext": {"runAsUser": 0, "runAsNonRoot": false}}),
        ),
        pod(
            good.clone(),
            json!({"volumes": [{"name": "v", "hostPath": {}}, {"name": "w", "nfs": {}}]}),
        ),
        pod(
            json!({"securityContext": {"privileged": true, "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}}}),
            json!({"os": {"name": "linux"}}),
        ),
        pod(
            json!({"securityContext": {"runAsNonRoot": true}}),
            json!({"os": {"name": "windows"}}),
        ),
    ];
    let lines: Vec<String> = cases
        .iter()
        .map(|pod| found(Level::Restricted, None, pod))
        .collect();
    expect![[r#"
        allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")
        allowed
        allowPrivilegeEscalation != false (containers "b", "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (containers "b", "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or containers "b", "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or containers "b", "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")
        runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod must not set runAsUser=0)
        restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")
        privileged (container "a" must not set securityContext.privileged=true), allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must not include "CHOWN" in securityContext.capabilities.add), runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")
        allowed"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn labels_are_read_and_bad_ones_named() {
    let read = |pairs: &[(&str, &str)]| {
        let labels = pairs
            .iter()
            .map(|(key, value)| (format!("{PREFIX}/{key}"), (*value).to_owned()));
        let (policy, errors) = Policy::read(&labels.collect(), &Policy::default());
        format!(
            "enforce {} audit {} warn {} {errors:?}",
            policy.enforce, policy.audit, policy.warn
        )
    };
    let lines = [
        read(&[]),
        read(&[("enforce", "baseline"), ("enforce-version", "v1.25")]),
        read(&[
            ("enforce", "baseline"),
            ("warn", "restricted"),
            ("audit", "privileged"),
        ]),
        read(&[("enforce", "strict"), ("warn-version", "1.2")]),
    ];
    expect![[r#"
        enforce privileged:latest audit privileged:latest warn privileged:latest []
        enforce baseline:v1.25 audit privileged:latest warn baseline:v1.25 []
        enforce baseline:latest audit privileged:latest warn restricted:latest []
        enforce restricted:latest audit privileged:latest warn restricted:latest ["metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted", "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"1.2\": must be \"latest\" or \"v1.x\""]"#]].assert_eq(&lines.join("\n"));
}

const EXEMPTING: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults:
      enforce: baseline
      enforce-version: v1.30
    exemptions:
      usernames: [robot]
      runtimeClasses: [gvisor]
      namespaces: [kube-system]
";

#[test]
fn a_configuration_says_defaults_and_exemptions() {
    let configuration = Configuration::read(EXEMPTING).unwrap();
    let (policy, _) = Policy::read(&seatrial_store::Pairs::default(), &configuration.defaults);
    assert_eq!(policy.enforce.to_string(), "baseline:v1.30");
    assert!(!configuration.is_privileged() && Configuration::default().is_privileged());
    let exempt = |namespace: &str, user: &str| {
        let exemption = configuration.exempts(namespace, user);
        exemption.map(Exemption::name)
    };
    assert_eq!(exempt("kube-system", "robot"), Some("namespace"));
    assert_eq!(exempt("shop", "robot"), Some("user"));
    assert_eq!(exempt("shop", "jo"), None);
    assert!(configuration.exempts_pod(&pod(json!({}), json!({"runtimeClassName": "gvisor"}))));
    assert!(!configuration.exempts_pod(&pod(json!({}), json!({}))));
}

#[test]
fn what_is_wrong_with_a_configuration_is_named() {
    let own = |rest: &str| {
        let text = format!(
            "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n{rest}"
        );
        Configuration::read(&text).unwrap_err().to_string()
    };
    let lines = [
        own("defaults: {enforce: strict, warn-version: v2}"),
        own("exemptions: {usernames: [''], namespaces: [a_b, c, c], runtimeClasses: [x]}"),
        own("exemption: {}"),
        Configuration::read("kind: Pod").unwrap_err().to_string(),
        Configuration::read("{")
            .unwrap_err()
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
        Configuration::read(&EXEMPTING.replace("name: PodSecurity", "name: EventRateLimit"))
            .unwrap_err()
            .to_string(),
    ];
    expect![[r#"
        the configuration of Pod Security is invalid: [defaults.enforce: Invalid value: "strict": must be one of privileged, baseline, restricted, defaults.warn-version: Invalid value: "v2": must be "latest" or "v1.x"]
        the configuration of Pod Security is invalid: [exemptions.namespaces[0]: Invalid value: "a_b": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?'), exemptions.namespaces[2]: Duplicate value: "c", exemptions.usernames[0]: Invalid value: "": username must not be empty]
        cannot read the configuration of Pod Security: unknown field `exemption`, expected one of `apiVersion`, `kind`, `defaults`, `exemptions`
        the configuration of admission must be an AdmissionConfiguration of apiserver.config.k8s.io/v1 or a PodSecurityConfiguration of pod-security.admission.config.k8s.io/v1, not "" and "Pod"
        cannot read the configuration of Pod Security: error: line 1 column 1: unclosed bracket '{'
        the admission plugin "EventRateLimit" cannot be configured here; only PodSecurity can, by its `configuration`"#]].assert_eq(&lines.join("\n"));
}
