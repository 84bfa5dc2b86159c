//! Pods as plain processes, where namespaces are forbidden.
