//! Deployment to Job, endpoints, namespaces, garbage collection.
