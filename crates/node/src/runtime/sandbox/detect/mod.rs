//! What this machine can do, and which runtime to take.
//!
//! Whether containers are possible is found out by making one: reading settings tells only why not.

mod advice;
mod trial;

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cgroup::Cgroups;
use super::tools;
use crate::runtime::Runtime;
use crate::runtime::process::ProcessRuntime;

/// Which runtime is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The container runtime if it works here, else the process runtime.
    #[default]
    Auto,
    /// The container runtime or none.
    Container,
    /// The process runtime or none.
    Process,
}

/// Where runtimes keep their files and which program is their sandboxes' init.
#[derive(Debug, Clone)]
pub struct Settings {
    /// On the file system that pods will write to; made where it is missing.
    pub directory: PathBuf,
    /// Absent is this program itself.
    pub executable: Option<PathBuf>,
}

/// A runtime that works here, and why it was taken.
pub struct Chosen {
    /// Ready to make sandboxes.
    pub runtime: Arc<dyn Runtime>,
    /// A sentence for people.
    pub reason: String,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was asked for and does not work.
    #[error("the {runtime} runtime does not work here: {}", failure.describe())]
    Unavailable {
        /// `container` or `process`.
        runtime: &'static str,
        /// What failed, and what to do about it.
        failure: Failure,
    },
}

/// What failed, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step and the kernel's reason.
    pub reason: String,
    /// What to do, if that is known.
    pub hint: Option<String>,
}

impl Failure {
    fn describe(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}. {hint}", self.reason),
            None => self.reason.clone(),
        }
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Whether a check found what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Ok,
    /// Something is missing that can be done without.
    Warning,
    /// Something is missing that pods or pipelines need.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        })
    }
}

/// Takes the runtime that is wanted, after trying that it works.
pub async fn choose(wanted: Wanted, settings: &Settings) -> Result<Chosen, Error> {
    match wanted {
        Wanted::Process => process(settings, "it was asked for"),
        Wanted::Container | Wanted::Auto => match trial::containers(settings).await {
            Ok(works) => {
                let reason = format!("the container runtime was taken: {}", works.detail);
                Ok(Chosen {
                    runtime: works.runtime,
                    reason,
                })
            }
            Err(failure) if wanted == Wanted::Auto => process(
                settings,
                &format!("containers are not possible here: {}", failure.describe()),
            ),
            Err(failure) => Err(Error::Unavailable {
                runtime: "container",
                failure,
            }),
        },
    }
}

fn process(settings: &Settings, why: &str) -> Result<Chosen, Error> {
    let made = match &settings.executable {
        Some(executable) => {
            ProcessRuntime::with_executable(&settings.directory.join("process"), executable.clone())
        }
        None => ProcessRuntime::new(&settings.directory.join("process")),
    };
    let failed = |error| Error::Unavailable {
        runtime: "process",
        failure: Failure {
            reason: format!("its directory cannot be made: {error}"),
            hint: None,
        },
    };
    let runtime = Arc::new(made.map_err(failed)?);
    Ok(Chosen {
        runtime,
        reason: format!("the process runtime was taken: {why}"),
    })
}

/// Looks at everything that pods and pipelines need of the machine.
pub async fn report(settings: &Settings) -> Vec<Check> {
    let (containers, network) = match trial::containers(settings).await {
        Ok(works) => (
            check("containers", Status::Ok, works.detail),
            pod_network(works.network),
        ),
        Err(failure) => (
            Check {
                name: "containers",
                status: Status::Warning,
                detail: format!("{}; pods run as plain processes instead", failure.reason),
                hint: failure.hint,
            },
            pod_network(Err(
                "plain processes have the machine's network: Services have neither cluster addresses nor names, \
                 and NetworkPolicies are not enforced"
                    .to_owned(),
            )),
        ),
    };
    let tools = tokio::task::spawn_blocking(|| {
        vec![
            tool("python3", "seatrial/host images run it"),
            tool("git", "repositories are pushed with it"),
            tool("sh", "pipeline steps and RUN instructions need it"),
        ]
    });
    let mut checks = vec![
        containers,
        network,
        cgroups(),
        filters(),
        never(),
        loopback(),
        writable(&settings.directory),
    ];
    checks.extend(tools.await.unwrap_or_default());
    checks
}

fn check(name: &'static str, status: Status, detail: String) -> Check {
    Check {
        name,
        status,
        detail,
        hint: None,
    }
}

fn pod_network(found: Result<(), String>) -> Check {
    let name = "network of pods";
    match found {
        Ok(()) => check(
            name,
            Status::Ok,
            "pods reach Services, each other and outside through the node".to_owned(),
        ),
        Err(detail) => Check {
            name,
            status: Status::Warning,
            detail,
            hint: Some(
                "run pods as containers, on a kernel with nftables and its queue".to_owned(),
            ),
        },
    }
}

fn cgroups() -> Check {
    match Cgroups::find().describe() {
        Ok(detail) => check("resource limits", Status::Ok, detail),
        Err(reason) => Check {
            name: "resource limits",
            status: Status::Warning,
            detail: format!("cpu and memory limits are not enforced: {reason}"),
            hint: Some("run as root, or in a systemd unit with Delegate=yes".to_owned()),
        },
    }
}

/// What `seccompProfile: RuntimeDefault` needs.
fn filters() -> Check {
    let name = "system call filters";
    let known = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
    match std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail") {
        Ok(actions) if known && actions.split_whitespace().any(|it| it == "errno") => check(
            name,
            Status::Ok,
            "seccompProfile RuntimeDefault is enforced in containers".to_owned(),
        ),
        _ => Check {
            name,
            status: Status::Warning,
            detail: "seccompProfile RuntimeDefault is not enforced".to_owned(),
            hint: Some("run on a Linux kernel with CONFIG_SECCOMP_FILTER".to_owned()),
        },
    }
}

/// What is missing on every machine, so that nobody looks for the fault in this one.
fn never() -> Check {
    let detail = "stored but enforced nowhere: AppArmor, SELinux and Localhost seccomp profiles, procMount \
                  Unmasked, hostPID and hostIPC, limits of ephemeral storage, sizes of emptyDirs on disk; \
                  pods that ask for one have an event that says so";
    check("fields of pods", Status::Ok, detail.to_owned())
}

/// The process runtime gives each pod such an address.
fn loopback() -> Check {
    let address = Ipv4Addr::new(127, 77, 0, 1);
    match TcpListener::bind((address, 0)) {
        Ok(_) => check(
            "loopback addresses",
            Status::Ok,
            "all of 127.0.0.0/8 can be used".to_owned(),
        ),
        Err(error) => Check {
            name: "loopback addresses",
            status: Status::Warning,
            detail: format!("{address} cannot be used: {error}"),
            hint: Some(
                "on macOS: sudo ifconfig lo0 alias ADDRESS for each pod of the process runtime"
                    .to_owned(),
            ),
        },
    }
}

fn writable(directory: &Path) -> Check {
    let name = "data directory";
    match std::fs::create_dir_all(directory).and_then(|()| tempfile_in(directory)) {
        Ok(()) => check(name, Status::Ok, directory.display().to_string()),
        Err(error) => Check {
            name,
            status: Status::Failed,
            detail: format!("{} cannot be written to: {error}", directory.display()),
            hint: Some("choose another with --data-dir".to_owned()),
        },
    }
}

fn tempfile_in(directory: &Path) -> std::io::Result<()> {
    let path = directory.join(".try");
    std::fs::write(&path, "")?;
    std::fs::remove_file(path)
}

fn tool(name: &'static str, purpose: &str) -> Check {
    let found = match name {
        "python3" => tools::find_python(),
        _ => tools::find_program(name),
    };
    match found.and_then(|tool| tool.names.into_iter().next()) {
        Some((_, path)) => check(name, Status::Ok, path.display().to_string()),
        None => Check {
            name,
            status: Status::Failed,
            detail: format!("not found in PATH, or it does not run; {purpose}"),
            hint: Some(format!(
                "install it, for instance: apt-get install {}",
                package(name)
            )),
        },
    }
}

fn package(name: &str) -> &str {
    match name {
        "sh" => "dash",
        other => other,
    }
}
