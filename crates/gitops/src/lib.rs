//! Argo CD applications: compare, sync, prune, heal.
