//! The gateway that carries and measures requests.
