//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::client::{AppCommand, KubectlApplet, KustomizeApplet, PipelineCommand, RolloutCommand};
use crate::cluster::RuntimeChoice;

/// The whole way from a commit to production on Kubernetes, on one machine
#[derive(Parser, Debug)]
#[command(
    name = "seatrial",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = "\
Examples:
  seatrial demo                 watch a commit go to production, and a bad one be rolled back
  seatrial up --detach          a cluster in the background; kubectl finds it as context `seatrial`
  seatrial doctor               what this machine can do")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say what happens inside, on standard error (-vv for more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Start a cluster with the whole delivery chain on it
    Up(Up),
    /// Stop a cluster; everything on disk stays
    Down(Down),
    /// Say what runs and where
    Status(Which),
    /// Find out what this machine can do
    Doctor(Doctor),
    /// Print a kubeconfig for the cluster
    Kubeconfig(Which),
    /// Take a real application from `git push` to canary-released production
    Demo(Demo),
    /// Applications: list, get, sync, diff, history, rollback
    App(AppCommand),
    /// Rollouts: watch, promote, abort, retry, undo
    Rollout(RolloutCommand),
    /// Pipeline runs: list, get, logs, cancel
    Pipeline(PipelineCommand),
    /// A small kubectl for machines without one
    #[command(disable_help_flag = true)]
    Kubectl(KubectlApplet),
    /// A small kustomize: build, edit set image
    Kustomize(KustomizeApplet),
    /// Print completions for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which cluster.
#[derive(Args, Debug, Clone)]
pub(crate) struct Which {
    /// The cluster's name
    #[arg(long, default_value = "default", env = "SEATRIAL_NAME")]
    pub(crate) name: String,
    /// Where it is kept [default: ~/.local/share/seatrial/<name>]
    #[arg(long, value_name = "FOLDER", env = "SEATRIAL_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Examples:
  seatrial up                              a cluster in the foreground, Ctrl-C stops it
  seatrial up --detach                     in the background; `seatrial down` stops it
  seatrial up --runtime simulated --nodes 5000   no processes: half a million pods from data")]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How many nodes
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub(crate) nodes: u16,
    /// How many pods each node takes [default: 110]
    #[arg(long, value_name = "PODS", value_parser = clap::value_parser!(u32).range(1..=65_000))]
    pub(crate) pods_per_node: Option<u32>,
    /// What runs the pods
    #[arg(long, value_enum, default_value_t = RuntimeChoice::Auto)]
    pub(crate) runtime: RuntimeChoice,
    /// The port of the Kubernetes API [default: 6443, or a free one]
    #[arg(long, value_name = "PORT")]
    pub(crate) api_port: Option<u16>,
    /// The port of the gateway [default: 8080, or a free one]
    #[arg(long, value_name = "PORT")]
    pub(crate) gateway_port: Option<u16>,
    /// Come back when the cluster is ready, and leave it running
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Leave the user's kubeconfig alone
    #[arg(long)]
    pub(crate) no_kubeconfig: bool,
    /// Let pods mount this machine's files (`hostPath`)
    #[arg(long)]
    pub(crate) allow_host_path: bool,
    /// A folder of OSV advisories for image scans
    #[arg(long, value_name = "FOLDER")]
    pub(crate) advisories: Option<PathBuf>,
    /// Defaults and exemptions of Pod Security: an AdmissionConfiguration, or a PodSecurityConfiguration
    #[arg(long, value_name = "FILE")]
    pub(crate) admission_control_config_file: Option<PathBuf>,
    /// Write down what is asked of the API: a line of JSON (audit.k8s.io/v1) for each request
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<PathBuf>,
    /// Which requests are written down, and how much of them: a Policy of audit.k8s.io/v1
    #[arg(long, value_name = "FILE", requires = "audit_log")]
    pub(crate) audit_policy: Option<PathBuf>,
    /// At which size the audit log makes way for a new file; 0 for never
    #[arg(
        long,
        value_name = "MEGABYTES",
        default_value_t = 100,
        requires = "audit_log"
    )]
    pub(crate) audit_log_maxsize: u64,
    /// How many older files of the audit log stay
    #[arg(
        long,
        value_name = "FILES",
        default_value_t = 5,
        requires = "audit_log"
    )]
    pub(crate) audit_log_maxbackup: usize,
}

#[derive(Args, Debug, Clone)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Delete the cluster's data as well
    #[arg(long)]
    pub(crate) delete: bool,
}

#[derive(Args, Debug, Clone)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Examples:
  seatrial demo                  the whole story in about a minute and a half
  seatrial demo --keep           and leave the cluster up to look around
  seatrial demo --output json    the same as data; the exit code is 0 only if all of it was seen")]
pub(crate) struct Demo {
    /// What runs the pods
    #[arg(long, value_enum, default_value_t = RuntimeChoice::Auto)]
    pub(crate) runtime: RuntimeChoice,
    /// Where the cluster is kept [default: a folder that is deleted afterwards]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The application's repository [default: the example `shop`, which is built in]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) source: Option<PathBuf>,
    /// Leave the cluster up at the end
    #[arg(long)]
    pub(crate) keep: bool,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

impl Arguments {
    /// Sets up the log on standard error.
    pub(crate) fn log(&self) {
        let level = match self.verbose {
            0 => "error",
            1 => "info,kube=warn,hyper=warn,tower=warn",
            _ => "debug,hyper=info,tower=info",
        };
        let filter = EnvFilter::try_from_env("SEATRIAL_LOG").unwrap_or_else(|_| level.into());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
}
