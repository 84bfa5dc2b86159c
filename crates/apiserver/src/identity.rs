//! Who is asking.

use std::collections::BTreeMap;

/// Upstream's name of the group of everybody who said who they are.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// Upstream's name of the group of everybody who did not.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Upstream's name of whoever did not say who they are.
pub(crate) const ANONYMOUS: &str = "system:anonymous";
/// Upstream's group of those who may do everything, whatever the roles say.
pub(crate) const MASTERS: &str = "system:masters";
/// Upstream's group of all nodes.
pub(crate) const NODES: &str = "system:nodes";
/// Upstream's prefix of the names of nodes.
const NODE: &str = "system:node:";
const ACCOUNT: &str = "system:serviceaccount:";
const ACCOUNTS: &str = "system:serviceaccounts";

/// The authenticated author of a request; an extension of every request that passed the door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user's name, such as `system:admin`.
    pub user: String,
    /// What tells users of one name apart over time; empty where nothing does.
    pub uid: String,
    /// The groups the user belongs to.
    pub groups: Vec<String>,
    /// What else the authenticator knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Identity {
    /// The administrator of the cluster.
    pub fn admin() -> Self {
        Self::user("seatrial-admin", &[MASTERS])
    }

    /// The API server itself, which may do everything.
    pub fn component(name: &str) -> Self {
        Self::user(name, &[MASTERS])
    }

    /// Whoever did not say who they are.
    pub fn anonymous() -> Self {
        Self {
            user: ANONYMOUS.to_owned(),
            groups: vec![UNAUTHENTICATED.to_owned()],
            ..Self::default()
        }
    }

    /// A user of these groups and of `system:authenticated`.
    pub fn user(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().copied().chain([AUTHENTICATED]);
        Self {
            user: name.to_owned(),
            groups: groups.map(str::to_owned).collect(),
            ..Self::default()
        }
    }

    /// The agent of a node.
    pub fn node(name: &str) -> Self {
        Self::user(&format!("{NODE}{name}"), &[NODES])
    }

    /// A service account.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let group = format!("{ACCOUNTS}:{namespace}");
        Self::user(&account(namespace, name), &[ACCOUNTS, &group])
    }

    /// The part of the control plane that calls itself `name`. Each has an identity of its own, with
    /// a role that allows what it does and no more (`access::policy`).
    pub fn controller(name: &str) -> Self {
        match name {
            // What all controllers read through, as upstream's shared informers.
            "informer" => Self::user("system:kube-controller-manager", &[]),
            "default-scheduler" => Self::user("system:kube-scheduler", &[]),
            // Upstream's account has another name than its controller.
            "daemonset-controller" => Self::service_account("kube-system", "daemon-set-controller"),
            name => Self::service_account("kube-system", name),
        }
    }

    /// Whether the user is in `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }

    /// The name of the node whose agent this is.
    pub fn node_name(&self) -> Option<&str> {
        let name = self.user.strip_prefix(NODE)?;
        self.is_in(NODES).then_some(name)
    }

    /// Namespace and name of the service account that this is.
    pub fn as_account(&self) -> Option<(&str, &str)> {
        account_of(&self.user)
    }
}

/// The user's name of a service account.
pub(crate) fn account(namespace: &str, name: &str) -> String {
    format!("{ACCOUNT}{namespace}:{name}")
}

/// Namespace and name of the service account of this user's name.
pub(crate) fn account_of(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix(ACCOUNT)?.split_once(':')
}
