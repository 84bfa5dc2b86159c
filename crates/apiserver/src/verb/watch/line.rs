//! An event as it leaves.

use bytes::Bytes;
use seatrial_schema::protobuf;
use seatrial_store::{Compacted, EventKind};

use crate::accept::{Cut, Encoding, Form};
use crate::failure::Failure;
use crate::reply;

/// One event as it leaves. Parts may be empty.
pub(super) struct Line([Bytes; 3]);

impl Line {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self([bytes, Bytes::new(), Bytes::new()])
    }

    pub(super) fn frames(self) -> impl Iterator<Item = Bytes> {
        self.0.into_iter().filter(|part| !part.is_empty())
    }
}

pub(super) fn wrap(form: &Form, name: &'static str, object: Bytes) -> Line {
    match (form.encoding, name) {
        (Encoding::Json, _) => json_line(form.cut, name, object),
        (Encoding::Protobuf, "ERROR") => {
            let status = reply::protobuf(&object).unwrap_or_default();
            Line::whole(protobuf::frame(name, &status).into())
        }
        (Encoding::Protobuf, _) => match reply::protobuf(&object) {
            Ok(object) => Line::whole(protobuf::frame(name, &object).into()),
            Err(failure) => error_line(form, &failure),
        },
    }
}

fn json_line(cut: Cut, name: &'static str, object: Bytes) -> Line {
    let head: &'static [u8] = match name {
        "ADDED" => b"{\"type\":\"ADDED\",\"object\":",
        "MODIFIED" => b"{\"type\":\"MODIFIED\",\"object\":",
        "DELETED" => b"{\"type\":\"DELETED\",\"object\":",
        "BOOKMARK" => b"{\"type\":\"BOOKMARK\",\"object\":",
        _ => b"{\"type\":\"ERROR\",\"object\":",
    };
    let tail: &'static [u8] = b"}\n";
    match cut {
        Cut::ByObject => Line([Bytes::from_static(head), object, Bytes::from_static(tail)]),
        Cut::Joined => Line::whole([head, &object, tail].concat().into()),
    }
}

pub(super) fn error_line(form: &Form, failure: &Failure) -> Line {
    wrap(form, "ERROR", failure.status().to_string().into())
}

/// A watch from a forgotten revision ends with an event rather than an HTTP error, as upstream's
/// does: clients handle expiry there.
pub(super) fn expired(form: &Form, compacted: Compacted) -> Line {
    let Compacted { asked, oldest } = compacted;
    error_line(
        form,
        &Failure::expired(format!("too old resource version: {asked} ({oldest})")),
    )
}

pub(super) fn name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Added => "ADDED",
        EventKind::Modified => "MODIFIED",
        EventKind::Deleted => "DELETED",
    }
}
