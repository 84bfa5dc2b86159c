//! Volumes: what is to be in them (pure), and putting it on disk.
//!
//! ```text
//!   spec.volumes ──content()──► Content ──write()──► a directory ──► mounts of containers
//! ```
//!
//! **Invariants**: files of ConfigMaps, Secrets and the downward API change all at once, by the
//! renaming of one symbolic link, as upstream's atomic writer does it; a source that is not
//! supported is an error that names it.

mod content;
mod write;

pub use content::{Content, Error, FileContent, TokenRequest, Tokens, content, token_requests};
pub use write::{WriteError, write};
