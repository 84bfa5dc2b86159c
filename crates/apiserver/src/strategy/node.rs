//! Nodes: they register with their status.

use super::Strategy;

/// The hooks of Node.
#[derive(Debug)]
pub(crate) struct Node;

impl Strategy for Node {
    fn keeps_status(&self) -> bool {
        true
    }
}
