//! Node and pod lifecycle; container, process and simulated runtimes.
