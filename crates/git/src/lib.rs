//! Repositories and smart HTTP: the Git server of the embedded cluster, and the way its files are read.
//!
//! ```text
//!   git push ──HTTP──▶ http::router ──▶ git receive-pack ──▶ report ──▶ Journal ──▶ Push objects
//!                           │ token                                        │
//!   git clone ─────────────▶│ git upload-pack                              │
//!                           ▼
//!                      Repositories (bare repositories under one directory)
//!                           ▲                ▲
//!   Repository objects ◀────┘ controller ◀───│──────────────────────────────┘ wakes it: status
//!                                            └── open(url).resolve(revision).tree(path)   GitOps, pipelines
//! ```
//!
//! The pack protocol is the machine's own `git`, run with an environment of our making, so that
//! no configuration of the user or the machine changes what the server does.
//!
//! **Invariants**
//! - A name from outside becomes a path only through [`Name`], which has no separators and no dots at its start.
//! - Nothing is written to a repository without a token; tokens are compared in constant time.
//! - Every ref update that `git` reports as accepted becomes one `Push` object before the pusher hears of it,
//!   also when the pusher has hung up.

mod access;
mod checkout;
mod command;
pub mod controller;
mod error;
mod http;
mod journal;
mod name;
pub mod packet;
mod push;
mod remote;
mod repositories;
mod repository;
mod tree;
mod url;

pub use access::{Access, Anonymous, Caller};
pub use checkout::{Checkout, Credentials, Depth};
pub use command::Git;
pub use controller::{KEPT_PUSHES, RepositoryController};
pub use error::Error;
pub use http::{Server, router};
pub use journal::{ApiJournal, Journal};
pub use name::Name;
pub use push::RefUpdate;
pub use repositories::{Configuration, Repositories};
pub use repository::{LogEntry, Ref, Repository};
pub use tree::{File, FileMode, Tree};
pub use url::normalise;
