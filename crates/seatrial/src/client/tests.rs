//! Commands against in-process clusters.
