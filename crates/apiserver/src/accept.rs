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

/// Which shapes a kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shapes {
    /// All of them.
    All,
    /// None but itself: what is asked and not stored is no row of a table.
    OnlyPlain,
}

/// How a reply is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    /// Kubernetes' protobuf.
    Protobuf,
}

/// How a reply with many objects is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cut {
    /// Into pieces of modest size, for a socket.
    #[default]
    Joined,
    /// Each object is a frame of its own, and that frame the store's own bytes: for a client in this
    /// process, which may keep them and pays nothing for it.
    ByObject,
}

/// The form of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Its shape.
    pub shape: Shape,
    /// What rows of a table carry.
    pub rows: RowObject,
    /// How it is written.
    pub encoding: Encoding,
    /// How it is cut.
    pub cut: Cut,
}

impl Form {
    /// The same for a status, which is neither a table nor metadata.
    pub(crate) fn for_status(&self) -> Self {
        Self {
            shape: Shape::Plain,
            ..self.clone()
        }
    }

    /// The object or list itself, as JSON.
    pub(crate) fn plain() -> Self {
        Self {
            shape: Shape::Plain,
            rows: RowObject::Metadata,
            encoding: Encoding::Json,
            cut: Cut::default(),
        }
    }

    /// The first form among those in the `Accept` headers that the server has. `api_version` and `kind` are those of the object,
    /// `shapes` what its kind has.
    ///
    /// # Errors
    /// Not acceptable, where there is none.
    pub(crate) fn negotiate(
        headers: &HeaderMap,
        include_object: Option<&str>,
        api_version: &str,
        kind: &str,
        shapes: Shapes,
    ) -> Result<Self, Failure> {
        let rows = match include_object {
            Some("Object") => RowObject::Whole,
            Some("None") => RowObject::Nothing,
            _ => RowObject::Metadata,
        };
        let mut any = false;
        for media in media_types(headers) {
            any = true;
            if let Some((shape, encoding)) = wanted(&media, api_version, kind)
                && (shapes == Shapes::All || shape == Shape::Plain)
            {
                return Ok(Self {
                    shape,
                    rows,
                    encoding,
                    ..Self::plain()
                });
            }
        }
        if any {
            let message = "only the following media types are accepted: application/json, \
                           application/vnd.kubernetes.protobuf for built-in kinds, \
                           application/json;as=Table;v=v1;g=meta.k8s.io, \
                           application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
            return Err(Failure::new(Reason::NotAcceptable, message));
        }
        Ok(Self {
            rows,
            ..Self::plain()
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

/// The form that a media type asks for, where the server has it.
fn wanted(media: &Media, api_version: &str, kind: &str) -> Option<(Shape, Encoding)> {
    let shape = shape(media)?;
    let encoding = match media.name.as_str() {
        "application/json" | "application/*" | "*/*" => Encoding::Json,
        "application/vnd.kubernetes.protobuf" => Encoding::Protobuf,
        _ => return None,
    };
    let possible = match (&shape, encoding) {
        (Shape::Table { .. }, Encoding::Protobuf) => false,
        (Shape::Plain, Encoding::Protobuf) => {
            seatrial_schema::protobuf::encodes(api_version, kind)
                && seatrial_schema::protobuf::encodes(api_version, &format!("{kind}List"))
        }
        _ => true,
    };
    possible.then_some((shape, encoding))
}

fn shape(media: &Media) -> Option<Shape> {
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
