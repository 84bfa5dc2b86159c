//! Where one crate's port meets another crate's work. No logic lives here: each adapter turns one
//! vocabulary into another.

mod application_source;
mod authority;
mod build_executor;
mod drain;
mod logs;
mod metrics;
mod node_images;
mod pipeline_images;
mod pipeline_source;
mod pod_network;
mod process_figures;
mod reach;
mod steps;
mod streams;
mod targets;
mod usage;

pub(crate) use application_source::ApplicationSource;
pub(crate) use authority::ClusterAuthority;
pub(crate) use build_executor::BuildExecutor;
pub(crate) use drain::Drain;
pub(crate) use logs::Logs;
pub(crate) use metrics::Metrics;
pub(crate) use node_images::NodeImages;
pub(crate) use pipeline_images::PipelineImages;
pub(crate) use pipeline_source::PipelineSource;
pub(crate) use pod_network::{PodNetwork, api_variables};
pub(crate) use process_figures::ProcessFigures;
pub(crate) use reach::Reach;
pub(crate) use steps::Steps;
pub(crate) use streams::Streams;
pub(crate) use targets::Targets;
pub(crate) use usage::Usage;
