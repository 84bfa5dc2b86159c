//! Advisories in OSV's format, from a directory.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::version::compare;
use super::{Severity, Vulnerability, base_score};
use crate::Error;
use crate::inventory::{Ecosystem, Package, normal_name};

/// All advisories of a directory, by ecosystem and package.
pub struct Database {
    advisories: Vec<Advisory>,
    index: BTreeMap<(String, String), BTreeSet<usize>>,
    problems: Vec<String>,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    severity: Vec<Score>,
    #[serde(default)]
    affected: Vec<Affected>,
    #[serde(default)]
    database_specific: Value,
}

#[derive(Deserialize)]
struct Score {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<Named>,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    severity: Vec<Score>,
    #[serde(default)]
    ecosystem_specific: Value,
    #[serde(default)]
    database_specific: Value,
}

#[derive(Deserialize)]
struct Named {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Range {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Introduced(String),
    Fixed(String),
    LastAffected(String),
    Limit(String),
}

impl Database {
    /// Reads every `.json` file at or below `directory`. A file that cannot be read is told in the report; the
    /// others count.
    ///
    /// # Errors
    /// [`Error::File`] where the directory itself cannot be read.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        collect(directory, &mut files)?;
        let mut database = Self {
            advisories: Vec::new(),
            index: BTreeMap::new(),
            problems: Vec::new(),
        };
        for path in files {
            let text = fs::read(&path).map_err(Error::file("read", &path))?;
            match serde_json::from_slice::<Advisory>(&text) {
                Ok(advisory) if advisory.withdrawn.is_some() => {}
                Ok(advisory) => database.add(advisory),
                Err(error) => database.problems.push(format!(
                    "advisory {} cannot be read: {error}",
                    path.display()
                )),
            }
        }
        if database.advisories.is_empty() {
            let note = format!(
                "{} holds no advisory, so no vulnerability can be found",
                directory.display()
            );
            database.problems.push(note);
        }
        Ok(database)
    }

    fn add(&mut self, advisory: Advisory) {
        let number = self.advisories.len();
        for named in advisory
            .affected
            .iter()
            .filter_map(|affected| affected.package.as_ref())
        {
            let family = named
                .ecosystem
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned();
            let name = if family == "PyPI" {
                normal_name(&named.name)
            } else {
                named.name.clone()
            };
            self.index.entry((family, name)).or_default().insert(number);
        }
        self.advisories.push(advisory);
    }

    /// How many advisories there are.
    pub fn len(&self) -> usize {
        self.advisories.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.advisories.is_empty()
    }

    /// What could not be read.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The vulnerabilities of a package.
    pub(super) fn affecting(
        &self,
        package: &Package,
        notes: &mut Vec<String>,
    ) -> Vec<Vulnerability> {
        let names: BTreeSet<&str> = [package.name.as_str(), package.source.as_str()].into();
        let family = family(&package.ecosystem);
        let numbers: BTreeSet<usize> = names
            .into_iter()
            .filter_map(|name| self.index.get(&(family.to_owned(), name.to_owned())))
            .flatten()
            .copied()
            .collect();
        numbers
            .into_iter()
            .filter_map(|number| self.advisories[number].applies(package, notes))
            .collect()
    }
}

fn family(ecosystem: &Ecosystem) -> &str {
    match ecosystem {
        Ecosystem::PyPi => "PyPI",
        Ecosystem::Debian { distribution, .. } if distribution == "ubuntu" => "Ubuntu",
        Ecosystem::Debian { .. } => "Debian",
        Ecosystem::Alpine { .. } => "Alpine",
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let listed = fs::read_dir(directory).map_err(Error::file("list", directory))?;
    let mut paths: Vec<PathBuf> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    Ok(())
}

impl Advisory {
    fn applies(&self, package: &Package, notes: &mut Vec<String>) -> Option<Vulnerability> {
        let affected = self.affected.iter().find(|affected| {
            affected.concerns(package) && affected.holds(package, &self.id, notes)
        })?;
        let title = if self.summary.is_empty() {
            self.details.lines().next().unwrap_or_default()
        } else {
            &self.summary
        };
        let score = affected
            .severity
            .iter()
            .chain(&self.severity)
            .find_map(|score| {
                score
                    .kind
                    .starts_with("CVSS_V3")
                    .then(|| base_score(&score.score))
                    .flatten()
            });
        Some(Vulnerability {
            id: self.id.clone(),
            aliases: self.aliases.clone(),
            package: package.name.clone(),
            installed: package.version.clone(),
            fixed: affected.fixed(package),
            severity: score.map_or_else(|| self.stated(affected), Severity::of_score),
            score,
            title: title.chars().take(200).collect(),
            location: package.location.clone(),
        })
    }

    /// The severity in words, where no vector tells it.
    fn stated(&self, affected: &Affected) -> Severity {
        let places = [
            self.database_specific.get("severity"),
            affected.database_specific.get("severity"),
            affected.ecosystem_specific.get("severity"),
            affected.ecosystem_specific.get("urgency"),
        ];
        places
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find_map(Severity::parse)
            .unwrap_or(Severity::Unknown)
    }
}

impl Affected {
    fn concerns(&self, package: &Package) -> bool {
        let Some(named) = &self.package else {
            return false;
        };
        let (name, release) = named
            .ecosystem
            .split_once(':')
            .unwrap_or((&named.ecosystem, ""));
        let fits = |own: &str| release.is_empty() || release.trim_start_matches('v') == own;
        let is_named = named.name == package.source || named.name == package.name;
        name == family(&package.ecosystem)
            && match &package.ecosystem {
                Ecosystem::PyPi => normal_name(&named.name) == package.name,
                Ecosystem::Debian { release, .. } | Ecosystem::Alpine { release } => {
                    is_named && fits(release)
                }
            }
    }

    fn holds(&self, package: &Package, id: &str, notes: &mut Vec<String>) -> bool {
        let version = package.version.as_str();
        let equal = |other: &String| {
            other == version || compare(&package.ecosystem, other, version) == Some(Ordering::Equal)
        };
        if self.versions.iter().any(equal) {
            return true;
        }
        let ranges = self.ranges.iter().filter(|range| range.kind != "GIT");
        let mut holds = false;
        for range in ranges {
            match range.holds(&package.ecosystem, version) {
                Some(inside) => holds |= inside,
                None => notes.push(format!(
                    "{id}: version {version} of {} cannot be compared",
                    package.name
                )),
            }
        }
        holds
    }

    /// The lowest mended version that is above the installed one.
    fn fixed(&self, package: &Package) -> String {
        let events = self
            .ranges
            .iter()
            .filter(|range| range.kind != "GIT")
            .flat_map(|range| &range.events);
        let fixes = events.filter_map(|event| match event {
            Event::Fixed(fixed) => Some(fixed),
            _ => None,
        });
        let above = fixes.filter(|fixed| {
            compare(&package.ecosystem, fixed, &package.version) == Some(Ordering::Greater)
        });
        let lowest =
            above.min_by(|a, b| compare(&package.ecosystem, a, b).unwrap_or(Ordering::Equal));
        lowest.cloned().unwrap_or_default()
    }
}

impl Range {
    /// Whether the version is inside, by OSV's evaluation: the events at or below it decide in order.
    fn holds(&self, ecosystem: &Ecosystem, version: &str) -> Option<bool> {
        let mut events: Vec<(&Event, &str)> = Vec::new();
        for event in &self.events {
            match event {
                Event::Introduced(at)
                | Event::Fixed(at)
                | Event::LastAffected(at)
                | Event::Limit(at) => events.push((event, at)),
            }
        }
        let order = |left: &str, right: &str| match (left, right) {
            ("0", "0") => Some(Ordering::Equal),
            ("0", _) => Some(Ordering::Less),
            (_, "0") => Some(Ordering::Greater),
            _ => compare(ecosystem, left, right),
        };
        events.sort_by(|a, b| order(a.1, b.1).unwrap_or(Ordering::Equal));
        let mut inside = false;
        for (event, at) in events {
            let place = if at == "0" {
                Ordering::Greater
            } else {
                compare(ecosystem, version, at)?
            };
            match event {
                Event::Introduced(_) if place != Ordering::Less => inside = true,
                Event::Fixed(_) | Event::Limit(_) if place != Ordering::Less => inside = false,
                Event::LastAffected(_) if place == Ordering::Greater => inside = false,
                _ => {}
            }
        }
        Some(inside)
    }
}
