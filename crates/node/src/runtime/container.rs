//! Pods in Linux namespaces of their own.
