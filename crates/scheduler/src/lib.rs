//! Pods to nodes.
