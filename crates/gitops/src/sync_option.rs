//! Options such as `CreateNamespace=true`, of an Application and of single objects.

use kube::api::PropagationPolicy;
use serde_json::Value;

use crate::cluster::Validation;
use crate::reference::has_option;

/// The annotation with options of one object.
const ANNOTATION: &str = "argocd.argoproj.io/sync-options";

/// An option nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown or unsupported sync option {option:?} in spec.syncPolicy.syncOptions; known are {}", KNOWN.join(", "))]
pub(crate) struct Unknown {
    option: String,
}

const KNOWN: &[&str] = &[
    "ApplyOutOfSyncOnly",
    "CreateNamespace",
    "FailOnSharedResource",
    "Force",
    "Prune",
    "PruneLast",
    "PrunePropagationPolicy",
    "Replace",
    "RespectIgnoreDifferences",
    "ServerSideApply",
    "SkipDryRunOnMissingResource",
    "Validate",
];

/// How a sync works.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // Each is an option that users spell `Name=true`.
pub(crate) struct SyncOptions {
    pub(crate) create_namespace: bool,
    pub(crate) prune_last: bool,
    pub(crate) replace: bool,
    pub(crate) force: bool,
    pub(crate) server_side: bool,
    pub(crate) only_out_of_sync: bool,
    pub(crate) respect_ignored: bool,
    pub(crate) skip_missing_kinds: bool,
    pub(crate) fail_on_shared: bool,
    pub(crate) never_prune: bool,
    pub(crate) validation: Validation,
    pub(crate) propagation: PropagationPolicy,
}

impl SyncOptions {
    /// Reads a list of options; later ones win.
    pub(crate) fn parse<'a>(
        options: impl IntoIterator<Item = &'a String>,
    ) -> Result<Self, Unknown> {
        let mut parsed = Self {
            create_namespace: false,
            prune_last: false,
            replace: false,
            force: false,
            server_side: false,
            only_out_of_sync: false,
            respect_ignored: false,
            skip_missing_kinds: false,
            fail_on_shared: false,
            never_prune: false,
            validation: Validation::Strict,
            propagation: PropagationPolicy::Foreground,
        };
        for option in options {
            parsed.set(option)?;
        }
        Ok(parsed)
    }

    fn set(&mut self, option: &str) -> Result<(), Unknown> {
        let (name, value) = option.split_once('=').unwrap_or((option, "true"));
        let on = value == "true";
        match name.trim() {
            "CreateNamespace" => self.create_namespace = on,
            "PruneLast" => self.prune_last = on,
            "Replace" => self.replace = on,
            "Force" => self.force = on,
            "ServerSideApply" => self.server_side = on,
            "ApplyOutOfSyncOnly" => self.only_out_of_sync = on,
            "RespectIgnoreDifferences" => self.respect_ignored = on,
            "SkipDryRunOnMissingResource" => self.skip_missing_kinds = on,
            "FailOnSharedResource" => self.fail_on_shared = on,
            "Prune" => self.never_prune = !on,
            "Validate" if on => self.validation = Validation::Strict,
            "Validate" => self.validation = Validation::Ignore,
            "PrunePropagationPolicy" => {
                self.propagation = match value {
                    "foreground" => PropagationPolicy::Foreground,
                    "background" => PropagationPolicy::Background,
                    "orphan" => PropagationPolicy::Orphan,
                    _ => {
                        return Err(Unknown {
                            option: option.to_owned(),
                        });
                    }
                }
            }
            _ => {
                return Err(Unknown {
                    option: option.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// These options with those of one object.
    pub(crate) fn of(&self, object: &Value) -> Self {
        let asks = |option| has_option(object, ANNOTATION, option);
        let mut own = self.clone();
        own.replace |= asks("Replace=true");
        own.force |= asks("Force=true");
        own.server_side =
            (own.server_side || asks("ServerSideApply=true")) && !asks("ServerSideApply=false");
        own.prune_last |= asks("PruneLast=true");
        own.never_prune |= asks("Prune=false");
        own.skip_missing_kinds |= asks("SkipDryRunOnMissingResource=true");
        if asks("Validate=false") {
            own.validation = Validation::Ignore;
        }
        own
    }
}

/// Whether an object outlives its Application: `Delete=false`.
pub(crate) fn survives(object: &Value) -> bool {
    has_option(object, ANNOTATION, "Delete=false")
}
