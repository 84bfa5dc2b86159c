//! Images: builds, the registry, bills of material and scans.

use std::path::PathBuf;

use async_trait::async_trait;

use super::{Error, Line};

/// The image builder, registry and scanner, seen from a pipeline.
#[async_trait]
pub trait Images: Send + Sync {
    /// Checks a user and a password at a registry.
    async fn login(&self, login: &Login) -> Result<(), Error>;

    /// Builds a Dockerfile and, where asked, pushes the image under all its tags. Progress goes to
    /// `line`.
    async fn build(&self, build: &Build, line: Line<'_>) -> Result<Built, Error>;

    /// A bill of material.
    async fn sbom(&self, subject: &Subject, format: SbomFormat) -> Result<String, Error>;

    /// What a scan finds: vulnerable packages and secrets, of every severity, ordered. What it
    /// could not look at (no advisories, an unreadable version) goes to `note`.
    async fn scan(&self, subject: &Subject, note: Line<'_>) -> Result<Vec<Finding>, Error>;
}

/// Who logs in where.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The registry's host, such as `ghcr.io`.
    pub registry: String,
    /// The user.
    pub username: String,
    /// The password or token.
    pub password: String,
    /// The token of this run: always good for the embedded registry.
    pub run_token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            registry, username, ..
        } = self;
        write!(
            formatter,
            "Login {{ registry: {registry}, username: {username} }}"
        )
    }
}

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The context directory on this machine.
    pub context: PathBuf,
    /// The Dockerfile on this machine.
    pub dockerfile: PathBuf,
    /// The stage to build; the last one where `None`.
    pub target: Option<String>,
    /// Build arguments in the order given.
    pub arguments: Vec<(String, String)>,
    /// Labels in the order given.
    pub labels: Vec<(String, String)>,
    /// References to give to the image.
    pub tags: Vec<String>,
    /// Whether layers of earlier builds may be used.
    pub cache: bool,
    /// Whether to push it.
    pub push: bool,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The manifest's digest, `sha256:…`.
    pub digest: String,
    /// The configuration's digest, `sha256:…`.
    pub image_id: String,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A file or directory on this machine.
    Path(PathBuf),
    /// An image by reference.
    Image(String),
}

/// A format of a bill of material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SbomFormat {
    /// CycloneDX 1.x as JSON.
    CycloneDx,
}

/// How bad a finding is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nobody has said.
    Unknown,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// All of them, in rising order.
    pub const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// As Trivy writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }

    /// Reads Trivy's name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// One thing a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: the file, such as `requirements.txt`, or the layer's package list.
    pub target: String,
    /// The advisory's or rule's identifier, such as `GHSA-…` or `aws-access-key`.
    pub id: String,
    /// The package; empty for a secret.
    pub package: String,
    /// The installed version; empty for a secret.
    pub installed: String,
    /// The version that mends it; empty where there is none.
    pub fixed: String,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    /// The line in the target, for a secret.
    pub line: Option<u64>,
}
