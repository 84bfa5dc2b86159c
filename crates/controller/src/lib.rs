//! The reconcile kit.
