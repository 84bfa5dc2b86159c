//! Who is asking.

/// The authenticated author of a request; an extension of every request that passed the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's name, such as `system:admin`.
    pub user: String,
    /// The groups the user belongs to.
    pub groups: Vec<String>,
}

impl Identity {
    /// The administrator of the cluster.
    pub fn admin() -> Self {
        Self::user("seatrial-admin", &["system:masters"])
    }

    /// A part of the control plane, such as `system:controller:deployment`.
    pub fn component(name: &str) -> Self {
        Self::user(name, &["system:masters"])
    }

    /// A user of these groups and of `system:authenticated`.
    pub fn user(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().chain(&["system:authenticated"]);
        Self {
            user: name.to_owned(),
            groups: groups.map(|&group| group.to_owned()).collect(),
        }
    }
}
