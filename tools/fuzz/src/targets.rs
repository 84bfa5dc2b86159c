//! One function for each thing that reads bytes from outside.

pub mod delivery;
pub mod identity;
pub mod image;
pub mod language;
pub mod metrics;
pub mod object;
pub mod request;
pub mod stream;

use crate::samples;
use crate::{Form, Target};

macro_rules! target {
    ($name:ident, $place:ident, $form:ident, $words:expr) => {
        Target {
            name: stringify!($name),
            run: $place::$name,
            samples: samples::$place::$name,
            words: $words,
            form: Form::$form,
        }
    };
}

/// All targets.
pub const ALL: &[Target] = &[
    target!(websocket, stream, Bytes, &[]),
    target!(spdy, stream, Bytes, &[]),
    target!(packet, stream, Bytes, samples::stream::PACKET),
    target!(json, object, Bytes, samples::object::JSON),
    target!(yaml, object, Bytes, samples::object::YAML),
    target!(protobuf, object, Bytes, samples::object::PROTOBUF),
    target!(kind, object, Json, samples::object::FIELDS),
    target!(patch, object, Json, samples::object::PATCH),
    target!(apply, object, Json, samples::object::FIELDS),
    target!(custom, object, Json, samples::object::SCHEMA),
    target!(cel, language, Bytes, samples::language::CEL),
    target!(condition, language, Bytes, samples::language::CONDITION),
    target!(selector, language, Bytes, samples::language::SELECTOR),
    target!(json_path, language, Bytes, samples::language::JSON_PATH),
    target!(quantity, language, Bytes, samples::language::QUANTITY),
    target!(cron, language, Bytes, samples::language::CRON),
    target!(workflow, delivery, Bytes, samples::delivery::WORKFLOW),
    target!(expression, delivery, Bytes, samples::delivery::EXPRESSION),
    target!(dockerfile, delivery, Bytes, samples::delivery::DOCKERFILE),
    target!(kustomize, delivery, Bytes, samples::delivery::KUSTOMIZE),
    target!(reference, delivery, Bytes, samples::delivery::REFERENCE),
    target!(manifest, delivery, Json, samples::delivery::MANIFEST),
    target!(promql, metrics, Bytes, samples::metrics::PROMQL),
    target!(exposition, metrics, Bytes, samples::metrics::EXPOSITION),
    target!(layer, image, Bytes, samples::image::LAYER),
    target!(advisory, image, Bytes, samples::image::ADVISORY),
    target!(token, identity, Bytes, samples::identity::TOKEN),
    target!(csr, identity, Bytes, &[]),
    target!(audit, identity, Bytes, samples::identity::AUDIT),
    target!(dns, identity, Bytes, samples::identity::DNS),
    target!(request, request, Bytes, samples::request::WORDS),
];
