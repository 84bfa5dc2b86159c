//! What a client accepts as a reply.

use http::HeaderMap;

use crate::failure::{Failure, Reason};
use crate::table::RowObject;

/// The shape of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The object or list itself.
    Plain,
    /// A table, in this version of `meta.k8s.io`.
    Table {
        /// `v1` or `v1beta1`.
        version: String,
    },
    /// Only metadata.
    Metadata,
}

/// The form of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Its shape.
    pub shape: Shape,
    /// What rows of a table carry.
    pub rows: RowObject,
}

impl Form {
    /// The object or list itself, as JSON.
    pub(crate) fn plain() -> Self {
        Self {
            shape: Shape::Plain,
            rows: RowObject::Metadata,
        }
    }

    /// The first form among those in the `Accept` headers that the server has.
    ///
    /// # Errors
    /// Not acceptable, where there is none.
    pub(crate) fn negotiate(
        headers: &HeaderMap,
        include_object: Option<&str>,
    ) -> Result<Self, Failure> {
        let rows = match include_object {
            Some("Object") => RowObject::Whole,
            Some("None") => RowObject::Nothing,
            _ => RowObject::Metadata,
        };
        let mut any = false;
        for media in media_types(headers) {
            any = true;
            if let Some(shape) = shape(&media) {
                return Ok(Self { shape, rows });
            }
        }
        if any {
            let message = "only the following media types are accepted: application/json, \
                           application/json;as=Table;v=v1;g=meta.k8s.io, \
                           application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
            return Err(Failure::new(Reason::NotAcceptable, message));
        }
        Ok(Self {
            shape: Shape::Plain,
            rows,
        })
    }
}

/// One entry of an `Accept` header: the type and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    /// Such as `application/json`.
    pub name: String,
    parameters: Vec<(String, String)>,
}

impl Media {
    /// The parameter of this name, or "".
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// The entries of the `Accept` headers, in order.
pub(crate) fn media_types(headers: &HeaderMap) -> Vec<Media> {
    headers
        .get_all(http::header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts
                .next()
                .filter(|name| !name.is_empty())?
                .to_ascii_lowercase();
            let parameters = parts
                .filter_map(|part| part.split_once('='))
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                .collect();
            Some(Media { name, parameters })
        })
        .collect()
}

fn shape(media: &Media) -> Option<Shape> {
    if !matches!(
        media.name.as_str(),
        "application/json" | "application/*" | "*/*"
    ) {
        return None;
    }
    let version = media.parameter("v");
    match media.parameter("as") {
        "" => Some(Shape::Plain),
        "Table" if matches!(version, "v1" | "v1beta1") => Some(Shape::Table {
            version: version.to_owned(),
        }),
        "PartialObjectMetadata" | "PartialObjectMetadataList" if version == "v1" => {
            Some(Shape::Metadata)
        }
        _ => None,
    }
}
