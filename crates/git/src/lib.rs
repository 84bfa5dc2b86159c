//! Repositories and smart HTTP.
