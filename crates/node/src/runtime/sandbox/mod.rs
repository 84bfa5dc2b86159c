//! What the container and the process runtime share: a small init process per sandbox.
//!
//! ```text
//!   node (this program)                        init (the same executable, `sandbox-init`)
//!   ───────────────────                        ─────────────────────────────────────────
//!   Link ── requests, descriptors ──▶ Unix ──▶ serve loop ──fork──▶ a container's process
//!        ◀─ answers, sockets, exits ─ socket ◀─ reaping            ▲
//!   output tasks ◀──────────────── pipes ──────────────────────────┘
//! ```
//!
//! The container runtime's init holds the pod's namespaces and is PID 1 in them; the process
//! runtime's init holds nothing but is the subreaper of all that it starts. Either ends everything
//! inside as soon as the socket to the node closes, which the kernel does even after `kill -9`.
//!
//! **Invariants**
//! - The init has one thread. That is what makes code between its `fork` and `exec` harmless, and
//!   what lets it enter and leave namespaces.
//! - Only the init forks; the node, which has many threads, uses `posix_spawn` for the init alone.

// On other systems only the process runtime uses this module.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

pub(crate) mod cgroup;
mod channel;
pub mod detect;
pub(crate) mod host;
pub(crate) mod init;
pub(crate) mod launch;
pub(crate) mod link;
pub(crate) mod own;
pub(crate) mod process;
pub(crate) mod protocol;
pub(crate) mod remove;
pub mod run;
mod terminal;
pub(crate) mod tools;
#[cfg(target_os = "linux")]
mod users;

pub use init::sandbox_main;
pub use remove::remove_tree;

/// What container runtimes search for programs where an image says nothing.
pub(crate) const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The first argument with which an executable is told to become a sandbox's init.
///
/// `main` looks at its first argument before anything else, in particular before it starts threads,
/// and calls [`sandbox_main`] if it is this.
pub const INIT_ARGUMENT: &str = "sandbox-init";
