//! Probes: when a container is asked how it is, how it is asked, and what follows from the answers.
//!
//! ```text
//!   Settings (from the spec) ─► every period: ask (HTTP, TCP, gRPC, exec) ─► Tally ─► Verdict
//! ```
//!
//! Defaults and thresholds are upstream's (`pkg/kubelet/prober`).

mod ask;
mod grpc;
mod tally;
mod tls;

use std::time::Duration;

use k8s_openapi::api::core::v1::{self as core, Container};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub use ask::{Answer, Target, ask};
pub use tally::{Tally, Verdict};

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Holds back the others until the container has come up; restarts it where it does not.
    Startup,
    /// Takes the container out of its services.
    Readiness,
    /// Restarts the container.
    Liveness,
}

impl Kind {
    /// As events begin: `Readiness probe failed: …`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }

    /// The probe of this kind that a container has.
    pub fn of(self, container: &Container) -> Option<&core::Probe> {
        match self {
            Self::Startup => container.startup_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
            Self::Liveness => container.liveness_probe.as_ref(),
        }
    }
}

/// A probe, with its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How to ask.
    pub action: Action,
    /// From the start of the container to the first question.
    pub initial_delay: Duration,
    /// Between questions.
    pub period: Duration,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// Good answers in a row that make a failed probe succeed.
    pub success_threshold: u32,
    /// Bad answers in a row that make it fail.
    pub failure_threshold: u32,
    /// How long the container has to end after a failed liveness or startup probe; the pod's grace
    /// period where absent.
    pub grace: Option<Duration>,
}

/// How an HTTP request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS, with any certificate.
    Https,
}

impl Scheme {
    /// As a URL begins.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// How a container is asked, also by hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A GET that is to answer with 200 to 399.
    Http {
        /// Whether over TLS.
        scheme: Scheme,
        /// The host of the URL and of the connection; the pod where absent.
        host: Option<String>,
        /// The port.
        port: u16,
        /// The path with its query.
        path: String,
        /// Further headers.
        headers: Vec<(String, String)>,
    },
    /// A connection that is to be accepted.
    Tcp {
        /// The port.
        port: u16,
    },
    /// A service that is to say that it serves.
    Grpc {
        /// The port.
        port: u16,
        /// The service; empty is the server as a whole.
        service: String,
    },
    /// A command that is to exit with 0.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// A pause (hooks only).
    Sleep {
        /// How long.
        span: Duration,
    },
}

/// Why a probe or hook cannot be used. Names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A port by a name that the container does not declare.
    #[error("the port {0:?} is not among the container's ports")]
    UnknownPort(String),
    /// A port out of range.
    #[error("{0} is no port from 1 to 65535")]
    BadPort(i32),
    /// No such scheme.
    #[error("httpGet.scheme {0:?} is neither HTTP nor HTTPS")]
    Scheme(String),
    /// A TCP handler on another host.
    #[error("tcpSocket.host is not supported: leave it out to ask the pod itself")]
    TcpHost,
    /// No handler at all.
    #[error("must specify one of httpGet, tcpSocket, grpc or exec")]
    Nothing,
}

impl Settings {
    /// Reads a probe of the container.
    pub fn new(probe: &core::Probe, container: &Container) -> Result<Self, Error> {
        let handler = core::LifecycleHandler {
            exec: probe.exec.clone(),
            http_get: probe.http_get.clone(),
            tcp_socket: probe.tcp_socket.clone(),
            sleep: None,
        };
        let whole = |value: Option<i32>, default: u32, least: u32| {
            value
                .and_then(|value| u32::try_from(value).ok())
                .unwrap_or(default)
                .max(least)
        };
        let seconds =
            |value, default, least| Duration::from_secs(whole(value, default, least).into());
        Ok(Self {
            action: match &probe.grpc {
                Some(grpc) => Action::Grpc {
                    port: number(grpc.port)?,
                    service: grpc.service.clone().unwrap_or_default(),
                },
                None => Action::new(&handler, container)?,
            },
            initial_delay: seconds(probe.initial_delay_seconds, 0, 0),
            period: seconds(probe.period_seconds, 10, 1),
            timeout: seconds(probe.timeout_seconds, 1, 1),
            success_threshold: whole(probe.success_threshold, 1, 1),
            failure_threshold: whole(probe.failure_threshold, 3, 1),
            grace: probe
                .termination_grace_period_seconds
                .map(|grace| Duration::from_secs(grace.max(0).unsigned_abs())),
        })
    }
}

impl Action {
    /// Reads the handler of a probe or hook.
    pub fn new(handler: &core::LifecycleHandler, container: &Container) -> Result<Self, Error> {
        if let Some(exec) = &handler.exec {
            return Ok(Self::Exec {
                command: exec.command.clone().unwrap_or_default(),
            });
        }
        if let Some(get) = &handler.http_get {
            let scheme = match get.scheme.as_deref() {
                None | Some("" | "HTTP") => Scheme::Http,
                Some("HTTPS") => Scheme::Https,
                Some(scheme) => return Err(Error::Scheme(scheme.to_owned())),
            };
            let headers = get.http_headers.iter().flatten();
            return Ok(Self::Http {
                scheme,
                host: get.host.clone().filter(|host| !host.is_empty()),
                port: port(&get.port, container)?,
                path: path(get.path.as_deref()),
                headers: headers
                    .map(|it| (it.name.clone(), it.value.clone()))
                    .collect(),
            });
        }
        if let Some(socket) = &handler.tcp_socket {
            return match socket.host.as_deref() {
                None | Some("") => Ok(Self::Tcp {
                    port: port(&socket.port, container)?,
                }),
                Some(_) => Err(Error::TcpHost),
            };
        }
        if let Some(sleep) = &handler.sleep {
            let span = Duration::from_secs(sleep.seconds.max(0).unsigned_abs());
            return Ok(Self::Sleep { span });
        }
        Err(Error::Nothing)
    }
}

fn path(path: Option<&str>) -> String {
    let path = path.unwrap_or("/");
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

fn port(port: &IntOrString, container: &Container) -> Result<u16, Error> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let named = ports.find(|port| port.name.as_deref() == Some(name));
            match named {
                Some(port) => port.container_port,
                None => name.parse().map_err(|_| Error::UnknownPort(name.clone()))?,
            }
        }
    };
    self::number(number)
}

fn number(number: i32) -> Result<u16, Error> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or(Error::BadPort(number))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settings(probe: Value) -> Result<Settings, String> {
        let container = json!({"name": "app", "ports": [{"name": "http", "containerPort": 8080}]});
        let container = serde_json::from_value(container).unwrap();
        Settings::new(&serde_json::from_value(probe).unwrap(), &container)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_upstreams() {
        let made = settings(json!({"httpGet": {"port": "http", "path": "ready"}})).unwrap();
        let Action::Http {
            port: 8080, path, ..
        } = &made.action
        else {
            panic!("{made:?}")
        };
        assert_eq!(path, "/ready");
        let seconds = [made.initial_delay, made.period, made.timeout].map(|span| span.as_secs());
        assert_eq!(seconds, [0, 10, 1]);
        assert_eq!((made.success_threshold, made.failure_threshold), (1, 3));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        assert!(
            settings(json!({"grpc": {"port": 0}}))
                .unwrap_err()
                .contains("1 to 65535")
        );
        assert!(
            settings(json!({"httpGet": {"port": 1, "scheme": "FTP"}}))
                .unwrap_err()
                .contains("FTP")
        );
        assert!(
            settings(json!({"tcpSocket": {"port": "web"}}))
                .unwrap_err()
                .contains("\"web\"")
        );
        assert!(
            settings(json!({"tcpSocket": {"port": 0}}))
                .unwrap_err()
                .contains("1 to 65535")
        );
        assert!(settings(json!({})).unwrap_err().contains("one of"));
    }
}
