//! Facts about Kubernetes kinds: fields, list types, defaults, wire numbers.
