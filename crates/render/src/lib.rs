//! Kustomize: files in, objects out.
