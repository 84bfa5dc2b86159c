//! What a pod is called, and how it looks up names: its host name and its `/etc/resolv.conf`. Pure.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Pod, PodDNSConfig, PodSpec};

/// As many name servers as resolvers ask.
const SERVERS: usize = 3;
/// A host name is no longer than this, by POSIX.
const HOSTNAME: usize = 64;
/// A part of a host name is no longer than this.
const LABEL: usize = 63;

/// The cluster's name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterNames {
    /// Its address.
    pub server: Ipv4Addr,
    /// The domain under which Services and pods are found, such as `cluster.local`.
    pub domain: String,
}

/// The host name of a pod: `spec.hostname` or its name, at most 63 characters; the full name where the pod
/// wants that (`setHostnameAsFQDN`).
pub fn hostname(pod: &Pod, names: Option<&ClusterNames>) -> String {
    let spec = pod.spec.as_ref();
    let as_full = spec.and_then(|spec| spec.set_hostname_as_fqdn) == Some(true);
    full(pod, names)
        .filter(|full| as_full && full.len() <= HOSTNAME)
        .unwrap_or_else(|| short(pod))
}

fn short(pod: &Pod) -> String {
    let own = pod.spec.as_ref().and_then(|spec| spec.hostname.as_deref());
    let name = own
        .filter(|name| !name.is_empty())
        .or(pod.metadata.name.as_deref())
        .unwrap_or("pod");
    let end = name
        .char_indices()
        .nth(LABEL)
        .map_or(name.len(), |(end, _)| end);
    name[..end].trim_end_matches(['-', '.']).to_owned()
}

/// The full name of a pod with a subdomain.
pub fn full(pod: &Pod, names: Option<&ClusterNames>) -> Option<String> {
    let subdomain = pod.spec.as_ref()?.subdomain.as_deref()?;
    let namespace = pod.metadata.namespace.as_deref()?;
    let domain = &names?.domain;
    let parts = [&short(pod), subdomain, namespace, "svc", domain];
    (!subdomain.is_empty()).then(|| parts.join("."))
}

/// The lines of a `resolv.conf`.
#[derive(Debug, Default)]
struct Lines {
    servers: Vec<String>,
    search: Vec<String>,
    options: Vec<String>,
}

/// The pod's `/etc/resolv.conf`, with what of it cannot be had. `machine` is the text of the machine's own.
pub fn resolver(
    pod: &Pod,
    names: Option<&ClusterNames>,
    machine: &str,
) -> (Option<String>, Vec<String>) {
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let on_machine = spec.host_network == Some(true);
    let policy = spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let Some(names) = names else {
        return (None, Vec::new());
    };
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let mut notes = Vec::new();
    let mut lines = match policy {
        "None" => Lines::default(),
        "ClusterFirst" | "ClusterFirstWithHostNet" if !on_machine => {
            cluster(names, namespace, machine)
        }
        "ClusterFirstWithHostNet" => {
            notes.push(
                "names of the cluster are not found: a pod on the machine's network asks the machine's name \
                 servers"
                    .to_owned(),
            );
            parse(machine)
        }
        _ if on_machine => parse(machine),
        // The machine's servers are asked by the cluster's, which also reaches those on the machine's
        // own loopback.
        _ => Lines {
            servers: vec![names.server.to_string()],
            ..parse(machine)
        },
    };
    if let Some(config) = &spec.dns_config {
        merge(&mut lines, config);
    }
    if lines.servers.len() > SERVERS {
        notes.push(format!(
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
            lines.servers[..SERVERS].join(" ")
        ));
        lines.servers.truncate(SERVERS);
    }
    (Some(lines.text()), notes)
}

fn cluster(names: &ClusterNames, namespace: &str, machine: &str) -> Lines {
    let domain = &names.domain;
    let mut search = vec![
        format!("{namespace}.svc.{domain}"),
        format!("svc.{domain}"),
        domain.clone(),
    ];
    let further = parse(machine).search.into_iter();
    search.extend(further.filter(|one| one != "."));
    Lines {
        servers: vec![names.server.to_string()],
        search,
        options: vec!["ndots:5".to_owned()],
    }
}

fn parse(text: &str) -> Lines {
    let mut lines = Lines::default();
    for line in text.lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => lines.servers.extend(words.next()),
            // The last line of its kind counts.
            Some("search" | "domain") => lines.search = words.collect(),
            Some("options") => lines.options = words.collect(),
            _ => {}
        }
    }
    lines
}

/// Adds what the pod itself says; an option that it names takes the place of one of the same name.
fn merge(lines: &mut Lines, config: &PodDNSConfig) {
    let add = |list: &mut Vec<String>, more: &Option<Vec<String>>| {
        for one in more.iter().flatten() {
            if !list.contains(one) {
                list.push(one.clone());
            }
        }
    };
    add(&mut lines.servers, &config.nameservers);
    add(&mut lines.search, &config.searches);
    for option in config.options.iter().flatten() {
        let Some(name) = &option.name else { continue };
        let text = match &option.value {
            Some(value) if !value.is_empty() => format!("{name}:{value}"),
            _ => name.clone(),
        };
        lines
            .options
            .retain(|one| one.split(':').next() != Some(name));
        lines.options.push(text);
    }
}

impl Lines {
    fn text(&self) -> String {
        let mut lines = Vec::new();
        if !self.search.is_empty() {
            lines.push(format!("search {}\n", self.search.join(" ")));
        }
        let servers = self.servers.iter();
        lines.extend(servers.map(|server| format!("nameserver {server}\n")));
        if !self.options.is_empty() {
            lines.push(format!("options {}\n", self.options.join(" ")));
        }
        lines.concat()
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_raw_string_hashes,
        clippy::needless_pass_by_value,
        clippy::format_collect
    )] // Snapshots.

    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    use super::*;

    const MACHINE: &str =
        "# made by hand\nnameserver 127.0.0.53\nsearch corp.example\noptions edns0\n";

    fn names() -> ClusterNames {
        ClusterNames {
            server: Ipv4Addr::new(10, 96, 0, 10),
            domain: "cluster.local".to_owned(),
        }
    }

    fn check(spec: Value, expected: Expect) {
        let metadata = json!({"namespace": "shop", "name": "web-0"});
        let pod = json!({"metadata": metadata, "spec": spec});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let names = names();
        let (text, notes) = resolver(&pod, Some(&names), MACHINE);
        let host = hostname(&pod, Some(&names));
        let full = full(&pod, Some(&names)).unwrap_or_default();
        let notes: String = notes.iter().map(|note| format!("! {note}\n")).collect();
        expected.assert_eq(&format!("{host} {full}\n{}{notes}", text.unwrap()));
    }

    #[test]
    fn each_policy_has_its_lines() {
        check(
            json!({"containers": []}),
            expect![[r#"
                web-0 
                search shop.svc.cluster.local svc.cluster.local cluster.local corp.example
                nameserver 10.96.0.10
                options ndots:5
            "#]],
        );
        check(
            json!({"containers": [], "dnsPolicy": "Default"}),
            expect![[r#"
                web-0 
                search corp.example
                nameserver 10.96.0.10
                options edns0
            "#]],
        );
        check(
            json!({"containers": [], "hostNetwork": true}),
            expect![[r#"
                web-0 
                search corp.example
                nameserver 127.0.0.53
                options edns0
            "#]],
        );
        check(
            json!({"containers": [], "hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"}),
            expect![[r#"
                web-0 
                search corp.example
                nameserver 127.0.0.53
                options edns0
                ! names of the cluster are not found: a pod on the machine's network asks the machine's name servers
            "#]],
        );
    }

    #[test]
    fn what_the_pod_says_itself_is_added() {
        check(
            json!({"containers": [], "dnsPolicy": "None", "dnsConfig": {
                "nameservers": ["1.1.1.1"], "searches": ["a.example"],
                "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}}),
            expect![[r#"
                web-0 
                search a.example
                nameserver 1.1.1.1
                options ndots:2 edns0
            "#]],
        );
        check(
            json!({"containers": [], "dnsConfig": {
                "nameservers": ["1.1.1.1", "10.96.0.10", "1.1.1.2", "1.1.1.3"],
                "options": [{"name": "ndots", "value": "2"}]}}),
            expect![[r#"
                web-0 
                search shop.svc.cluster.local svc.cluster.local cluster.local corp.example
                nameserver 10.96.0.10
                nameserver 1.1.1.1
                nameserver 1.1.1.2
                options ndots:2
                ! Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 1.1.1.2
            "#]],
        );
    }

    #[test]
    fn a_subdomain_makes_a_full_name() {
        check(
            json!({"containers": [], "hostname": "first", "subdomain": "web", "dnsPolicy": "None"}),
            expect![[r#"
                first first.web.shop.svc.cluster.local
            "#]],
        );
        check(
            json!({"containers": [], "subdomain": "web", "setHostnameAsFQDN": true, "dnsPolicy": "None"}),
            expect![[r#"
                web-0.web.shop.svc.cluster.local web-0.web.shop.svc.cluster.local
            "#]],
        );
    }
}
