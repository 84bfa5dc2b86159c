//! Packages of the operating system.

use std::path::Path;

use super::{Ecosystem, Package, package};
use crate::layer::{Last, View};

/// Which system it is.
pub(super) struct Release {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
}

/// Reads `/etc/os-release`.
pub(super) fn release(view: &View) -> Option<Release> {
    let path = view.resolve(Path::new("etc/os-release"), Last::Follow);
    let found = path
        .and_then(|path| view.lookup(&path))
        .or_else(|| view.lookup(Path::new("usr/lib/os-release")))?;
    let text = std::fs::read_to_string(found.source).ok()?;
    let field = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']).to_owned())
    };
    let id = field("ID")?;
    Some(Release {
        name: field("NAME").unwrap_or_else(|| id.clone()),
        version: field("VERSION_ID").unwrap_or_default(),
        id,
    })
}

/// `/var/lib/dpkg/status`: paragraphs of fields.
pub(super) fn dpkg(text: &str, release: Option<&Release>) -> Vec<Package> {
    let ecosystem = Ecosystem::Debian {
        distribution: release.map_or_else(|| "debian".to_owned(), |release| release.id.clone()),
        release: release
            .map(|release| release.version.clone())
            .unwrap_or_default(),
    };
    let read = |paragraph: &str| {
        let field = |name: &str| {
            paragraph
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        // A removed package whose settings are left is no longer there.
        if field("Status").is_some_and(|status| !status.ends_with(" installed")) {
            return None;
        }
        let mut found = package(ecosystem.clone(), field("Package")?, field("Version")?);
        if let Some(source) = field("Source") {
            // `Source: glibc (2.36-9)`: the version only where it differs.
            source
                .split(' ')
                .next()
                .unwrap_or(source)
                .clone_into(&mut found.source);
        }
        Some(found)
    };
    text.split("\n\n").filter_map(read).collect()
}

/// `/lib/apk/db/installed`: paragraphs of one-letter fields.
pub(super) fn apk(text: &str, release: Option<&Release>) -> Vec<Package> {
    let version = release
        .map(|release| release.version.as_str())
        .unwrap_or_default();
    let minor: Vec<&str> = version.split('.').take(2).collect();
    let ecosystem = Ecosystem::Alpine {
        release: minor.join("."),
    };
    let read = |paragraph: &str| {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name));
        let mut found = package(ecosystem.clone(), field("P:")?, field("V:")?);
        field("o:")
            .unwrap_or(&found.name)
            .to_owned()
            .clone_into(&mut found.source);
        field("L:")
            .unwrap_or_default()
            .clone_into(&mut found.license);
        Some(found)
    };
    text.split("\n\n").filter_map(read).collect()
}
