//! Revisioned objects, a watch log, and two backends.
