//! Why a node does not do, in upstream's words.

use std::fmt;

/// One reason. The texts are upstream's, since people and programs read them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Cordoned,
    Taint {
        key: String,
        value: String,
    },
    /// The node's labels are not those asked for.
    NodeAffinity,
    /// The pod names its nodes, and this is not one of them.
    NotNamed,
    Ports,
    TooManyPods,
    Insufficient(String),
    ClaimInUse,
    VolumeLimit,
    VolumeConflict,
    VolumeZone,
    NoVolume,
    MissingVolume,
    Spread,
    SpreadLabel,
    Near,
    Apart,
    Repelled,
    /// Preemption: nobody on the node is less important.
    NoVictims,
    /// Preemption: it would not change why the node does not do.
    NotHelpful,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Taint { key, value } => {
                return write!(
                    formatter,
                    "node(s) had untolerated taint {{{key}: {value}}}"
                );
            }
            Self::Insufficient(resource) => return write!(formatter, "Insufficient {resource}"),
            Self::Cordoned => "node(s) were unschedulable",
            Self::NodeAffinity => "node(s) didn't match Pod's node affinity/selector",
            Self::NotNamed => "node(s) didn't satisfy plugin(s) [NodeAffinity]",
            Self::Ports => "node(s) didn't have free ports for the requested pod ports",
            Self::TooManyPods => "Too many pods",
            Self::ClaimInUse => {
                "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod \
                 access mode"
            }
            Self::VolumeLimit => "node(s) exceed max volume count",
            Self::VolumeConflict => "node(s) had volume node affinity conflict",
            Self::VolumeZone => "node(s) had no available volume zone",
            Self::NoVolume => "node(s) didn't find available persistent volumes to bind",
            Self::MissingVolume => {
                "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
            }
            Self::Spread => "node(s) didn't match pod topology spread constraints",
            Self::SpreadLabel => {
                "node(s) didn't match pod topology spread constraints (missing required label)"
            }
            Self::Near => "node(s) didn't match pod affinity rules",
            Self::Apart => "node(s) didn't match pod anti-affinity rules",
            Self::Repelled => "node(s) didn't satisfy existing pods anti-affinity rules",
            Self::NoVictims => "No preemption victims found for incoming pod",
            Self::NotHelpful => "Preemption is not helpful for scheduling",
        };
        formatter.write_str(text)
    }
}

/// What kind of change may help a pod that did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// A node's labels, or another node.
    Labels,
    /// A node's taints, or another node.
    Taints,
    /// Room on a node: a pod less, or a larger node.
    Room,
    /// Other pods being there or not.
    Pods,
    /// Claims, volumes and their classes.
    Volumes,
}

impl Reason {
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Cordoned | Self::Taint { .. } => Cause::Taints,
            Self::NodeAffinity | Self::NotNamed | Self::SpreadLabel => Cause::Labels,
            Self::Ports
            | Self::TooManyPods
            | Self::Insufficient(_)
            | Self::VolumeLimit
            | Self::NoVictims
            | Self::NotHelpful => Cause::Room,
            Self::ClaimInUse | Self::Spread | Self::Near | Self::Apart | Self::Repelled => {
                Cause::Pods
            }
            Self::VolumeConflict | Self::VolumeZone | Self::NoVolume | Self::MissingVolume => {
                Cause::Volumes
            }
        }
    }
}

/// Whether removing pods from the node may make it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Help {
    Possible,
    Pointless,
}

/// Why one node does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) help: Help,
}

impl Rejection {
    /// Fewer pods on the node may help.
    pub(crate) fn crowded(reason: Reason) -> Self {
        Self {
            reasons: vec![reason],
            help: Help::Possible,
        }
    }

    /// The node itself would have to change.
    pub(crate) fn lasting(reason: Reason) -> Self {
        Self {
            reasons: vec![reason],
            help: Help::Pointless,
        }
    }
}
