//! What a container may do beyond its user's rights.

use serde::{Deserialize, Serialize};

/// What a container may do. By default: what other container runtimes leave to one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Security {
    /// Capabilities beyond the usual ones, and usual ones less.
    pub capabilities: Capabilities,
    /// Whether its root file system may be written.
    pub root: RootAccess,
    /// Further groups of its processes, by number.
    pub groups: Vec<u32>,
    /// Whether a program may give more rights than its caller has (set-user-id).
    pub escalation: Escalation,
    /// Which system calls it has.
    pub calls: Calls,
}

/// Changes to the usual capabilities, by names such as `NET_ADMIN` or `ALL`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Given.
    pub add: Vec<String>,
    /// Taken; what is added afterwards is kept.
    pub drop: Vec<String>,
}

/// Whether a root file system may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RootAccess {
    /// It may.
    #[default]
    Writable,
    /// Only volumes may.
    ReadOnly,
}

/// Whether a program may give more rights than its caller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Escalation {
    /// It may not.
    #[default]
    Refused,
    /// It may, as set-user-id programs need.
    Allowed,
}

/// Which system calls a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Calls {
    /// All that its rights allow.
    #[default]
    Unconfined,
    /// Without those that only serve to get hold of the machine (`RuntimeDefault`).
    Usual,
}

/// Which processes a container sees and may signal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Processes {
    /// Its own: its first one is number 1, and all end with it.
    #[default]
    Own,
    /// Those of all containers of the sandbox that say so (`shareProcessNamespace`).
    Shared,
    /// Those of the running container of this name too (`kubectl debug --target`).
    Of(String),
}
