//! The `kustomization.yaml` file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::image::ImageTransform;
use crate::object::parse_documents;
use crate::{Error, Files};

/// The names under which the file may stand, in the order in which they are looked for.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a kustomization says. Unknown fields are refused by name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)] // The fields are Kustomize's own; its reference describes them.
pub struct Kustomization {
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub metadata: Option<Value>,
    pub resources: Vec<String>,
    pub bases: Vec<String>,
    pub namespace: Option<String>,
    pub name_prefix: String,
    pub name_suffix: String,
    pub labels: Vec<Labels>,
    pub common_labels: BTreeMap<String, String>,
    pub common_annotations: BTreeMap<String, String>,
    pub images: Vec<ImageTransform>,
    pub replicas: Vec<Replicas>,
    pub config_map_generator: Vec<Generator>,
    pub secret_generator: Vec<Generator>,
    pub generator_options: GeneratorOptions,
    pub patches: Vec<Patch>,
    pub patches_strategic_merge: Vec<String>,
    #[serde(rename = "patchesJson6902")]
    pub patches_json6902: Vec<Patch>,
}

/// Labels, and where they go.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Labels {
    pub pairs: BTreeMap<String, String>,
    pub include_selectors: bool,
    pub include_templates: bool,
}

/// A number of pods for a workload.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Replicas {
    pub name: String,
    pub count: i64,
}

/// A ConfigMap or Secret to make.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Generator {
    pub name: String,
    pub namespace: Option<String>,
    pub behavior: Behavior,
    pub literals: Vec<String>,
    pub files: Vec<String>,
    pub envs: Vec<String>,
    pub env: Option<String>,
    #[serde(rename = "type")]
    pub type_: Option<String>,
    pub options: Option<GeneratorOptions>,
}

/// What to do where the object exists already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Behavior {
    /// Refuse.
    #[default]
    #[serde(alias = "unspecified")]
    Create,
    /// Take its place.
    Replace,
    /// Add to it.
    Merge,
}

/// How generated objects look.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct GeneratorOptions {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub disable_name_suffix_hash: bool,
    pub immutable: bool,
}

/// A patch, in the file or beside it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Patch {
    pub path: Option<String>,
    pub patch: Option<String>,
    pub target: Option<Target>,
    pub options: BTreeMap<String, bool>,
}

/// Which objects a patch is for; name, namespace and kind are whole-string regular expressions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Target {
    pub group: Option<String>,
    pub version: Option<String>,
    pub kind: Option<String>,
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub label_selector: Option<String>,
    pub annotation_selector: Option<String>,
}

/// Fields that Kustomize knows and this version does not carry out.
const LATER: [&str; 13] = [
    "buildMetadata",
    "components",
    "configurations",
    "crds",
    "generators",
    "helmCharts",
    "helmChartInflationGenerator",
    "helmGlobals",
    "openapi",
    "replacements",
    "sortOptions",
    "transformers",
    "validators",
];

/// The path of the kustomization file of `folder`, if it has one.
pub fn find(files: &Files, folder: &str) -> Option<String> {
    let path = |name: &&str| match folder {
        "" => (*name).to_owned(),
        folder => format!("{folder}/{name}"),
    };
    NAMES
        .iter()
        .map(path)
        .find(|path| files.get(path).is_some())
}

/// Reads the file at `path`.
pub(crate) fn parse(path: &str, bytes: &[u8]) -> Result<Kustomization, Error> {
    let malformed = |line: Option<u64>, detail: String| Error::Malformed {
        file: path.to_owned(),
        line,
        detail,
    };
    // First as a plain tree: a field that comes later deserves a better word than "unknown".
    let documents = parse_documents(path, bytes)?;
    if documents.len() > 1 {
        return Err(malformed(None, "more than one document".to_owned()));
    }
    if let Some(fields) = documents.first().and_then(Value::as_object) {
        let later = LATER
            .iter()
            .chain(&["vars"])
            .find(|later| fields.contains_key(**later));
        if let Some(later) = later {
            return Err(Error::Unsupported {
                file: path.to_owned(),
                field: (*later).to_owned(),
                advice: "remove it, or render with kubectl kustomize and commit the result"
                    .to_owned(),
            });
        }
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let options = serde_saphyr::options! { with_snippet: false };
    let parsed: Option<Kustomization> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| {
            malformed(
                error.location().map(|location| location.line()),
                error.to_string(),
            )
        })?;
    let kustomization = parsed.unwrap_or_default();
    match kustomization.kind.as_deref() {
        None | Some("Kustomization") => Ok(kustomization),
        Some(other) => Err(Error::Unsupported {
            file: path.to_owned(),
            field: format!("kind: {other}"),
            advice: "only Kustomization is".to_owned(),
        }),
    }
}
