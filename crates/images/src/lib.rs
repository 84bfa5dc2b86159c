//! OCI registry, Dockerfile builds, SBOM and scan.
