//! From a source's files to objects.

mod glob;
mod kustomize;

pub(crate) use glob::matches as glob_matches;

use seatrial_render::kustomize::{build, find};
use seatrial_render::plain::{Depth, load};
use seatrial_render::{Files, Object};
use seatrial_resources::argoproj::{Application, ApplicationSource, DirectorySource};

use crate::source::SourceError;

/// Why a source gives no objects.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Its files cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The folder is not there.
    #[error("{path}: app path does not exist")]
    NoPath { path: String },
    /// Helm.
    #[error(
        "Helm is not supported yet: {field} asks for it; render the chart to plain manifests or use Kustomize"
    )]
    Helm { field: String },
    /// A field of the source that cannot be carried out.
    #[error("the field {field} is not supported yet; {advice}")]
    Unsupported { field: String, advice: &'static str },
    /// A field of the source that makes no sense.
    #[error("{field}: {detail}")]
    Invalid { field: String, detail: String },
    /// A file is wrong.
    #[error(transparent)]
    Render(#[from] seatrial_render::Error),
}

/// Which kind of source it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceType {
    Kustomize,
    Directory,
}

impl SourceType {
    /// As `status.sourceType` has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kustomize => "Kustomize",
            Self::Directory => "Directory",
        }
    }
}

/// The one source of an application.
pub(crate) fn source_of(app: &Application) -> Result<&ApplicationSource, Error> {
    match (&app.spec.sources, &app.spec.source) {
        (Some(sources), _) if sources.len() > 1 => Err(Error::Unsupported {
            field: format!("spec.sources with {} entries", sources.len()),
            advice: "use one Application for each source",
        }),
        (Some(sources), _) if sources.len() == 1 => Ok(&sources[0]),
        (_, Some(source)) => Ok(source),
        _ => Err(Error::Invalid {
            field: "spec.source".to_owned(),
            detail: "the application has no source; set repoURL and path".to_owned(),
        }),
    }
}

/// Renders a source's folder.
pub(crate) fn render(
    source: &ApplicationSource,
    files: &Files,
) -> Result<(SourceType, Vec<Object>), Error> {
    refuse_unsupported(source)?;
    let path = source.path.as_deref().unwrap_or_default();
    let folder = path.trim_matches('/').trim_start_matches("./");
    let folder = if folder == "." { "" } else { folder };
    if !files.is_folder(folder) {
        return Err(Error::NoPath {
            path: path.to_owned(),
        });
    }
    let chart = if folder.is_empty() {
        "Chart.yaml".to_owned()
    } else {
        format!("{folder}/Chart.yaml")
    };
    if files.get(&chart).is_some() {
        return Err(Error::Helm {
            field: format!("spec.source.path (there is {chart})"),
        });
    }
    if source.directory.is_none() && find(files, folder).is_some() {
        let objects = match &source.kustomize {
            Some(options) => build(&kustomize::with_options(options, files, folder)?, folder)?,
            None => build(files, folder)?,
        };
        return Ok((SourceType::Kustomize, objects));
    }
    if source.kustomize.is_some() {
        return Err(Error::Invalid {
            field: "spec.source.kustomize".to_owned(),
            detail: format!("{path} has no kustomization.yaml"),
        });
    }
    let options = source.directory.clone().unwrap_or_default();
    Ok((SourceType::Directory, plain(&options, files, folder)?))
}

fn plain(options: &DirectorySource, files: &Files, folder: &str) -> Result<Vec<Object>, Error> {
    let depth = match options.recurse {
        Some(true) => Depth::All,
        _ => Depth::Here,
    };
    let given = |pattern: &Option<String>| pattern.clone().filter(|pattern| !pattern.is_empty());
    let (include, exclude) = (given(&options.include), given(&options.exclude));
    let wanted = |path: &str| {
        include
            .as_deref()
            .is_none_or(|pattern| glob::matches(pattern, path))
            && !exclude
                .as_deref()
                .is_some_and(|pattern| glob::matches(pattern, path))
    };
    Ok(load(files, folder, depth, wanted)?)
}

fn refuse_unsupported(source: &ApplicationSource) -> Result<(), Error> {
    if let Some(helm) = &source.helm {
        let named = serde_json::to_value(helm).unwrap_or_default();
        let field = named
            .as_object()
            .and_then(|fields| fields.keys().next().cloned());
        let field = field.map_or("spec.source.helm".to_owned(), |name| {
            format!("spec.source.helm.{name}")
        });
        return Err(Error::Helm { field });
    }
    if source
        .chart
        .as_deref()
        .is_some_and(|chart| !chart.is_empty())
    {
        return Err(Error::Helm {
            field: "spec.source.chart".to_owned(),
        });
    }
    let unsupported = |field: &str, advice| {
        Err(Error::Unsupported {
            field: field.to_owned(),
            advice,
        })
    };
    if source.plugin.is_some() {
        return unsupported("spec.source.plugin", "commit the rendered manifests");
    }
    if source.reference.is_some() {
        return unsupported("spec.source.ref", "it belongs to several sources; use one");
    }
    if source
        .directory
        .as_ref()
        .is_some_and(|directory| directory.jsonnet.is_some())
    {
        return unsupported(
            "spec.source.directory.jsonnet",
            "commit the rendered manifests",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
