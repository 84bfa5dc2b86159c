//! The events of a watch, cut out of a reply without copying what need not be copied.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use http_body_util::BodyDataStream;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Kind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// One event: its kind, and its object as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) object: Bytes,
}

/// How the events begin that a server in this process sends in three frames, of which the second is
/// the object's own bytes. Any other cut of a line is understood as well.
const HEADS: [(&[u8], Kind); 3] = [
    (b"{\"type\":\"ADDED\",\"object\":", Kind::Added),
    (b"{\"type\":\"MODIFIED\",\"object\":", Kind::Modified),
    (b"{\"type\":\"DELETED\",\"object\":", Kind::Deleted),
];

/// Why there is no further event.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("read the reply")]
    Read(#[source] kube::Error),
    #[error("decode an event")]
    Decode(#[source] serde_json::Error),
}

/// The lines of a reply.
pub(super) struct Lines<F = BodyDataStream<Body>> {
    frames: F,
    /// What came of the present line.
    begun: Vec<Bytes>,
    /// What is left of the last frame.
    rest: Bytes,
}

impl Lines {
    pub(super) fn of(body: Body) -> Self {
        Self::from_frames(BodyDataStream::new(body))
    }
}

impl<F: Stream<Item = Result<Bytes, kube::Error>> + Unpin> Lines<F> {
    fn from_frames(frames: F) -> Self {
        Self {
            frames,
            begun: Vec::new(),
            rest: Bytes::new(),
        }
    }

    /// The next event; `None` where the reply is over. A line that is cut off by the end is none.
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                self.begun.push(self.rest.split_to(end));
                let _newline = self.rest.split_to(1);
                let line = std::mem::take(&mut self.begun);
                if line.iter().all(Bytes::is_empty) {
                    continue;
                }
                return event(&line).map(Some).map_err(Error::Decode);
            }
            if !self.rest.is_empty() {
                self.begun.push(std::mem::take(&mut self.rest));
            }
            match self.frames.next().await {
                Some(Ok(frame)) => self.rest = frame,
                Some(Err(error)) => return Err(Error::Read(error)),
                None => return Ok(None),
            }
        }
    }
}

fn event(line: &[Bytes]) -> Result<Event, serde_json::Error> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(rename = "type")]
        kind: Kind,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    if let [head, object, tail] = line
        && **tail == *b"}"
        && let Some((_, kind)) = HEADS.iter().find(|(known, _)| *known == &**head)
    {
        let object = object.clone();
        return Ok(Event {
            kind: *kind,
            object,
        });
    }
    let joined: BytesMut = line.iter().flat_map(|part| part.iter().copied()).collect();
    let read: Line<'_> = serde_json::from_slice(&joined)?;
    // A copy of its own: a slice would keep the whole frame alive that it came in.
    let object = Bytes::copy_from_slice(read.object.get().as_bytes());
    Ok(Event {
        kind: read.kind,
        object,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frames: &[&'static str]) -> Vec<String> {
        let frames = frames
            .iter()
            .map(|text| Ok(Bytes::from_static(text.as_bytes())));
        let mut lines = Lines::from_frames(futures::stream::iter(frames));
        futures::executor::block_on(async {
            let mut seen = Vec::new();
            loop {
                match lines.next().await {
                    Ok(Some(Event { kind, object })) => {
                        seen.push(format!("{kind:?} {}", String::from_utf8_lossy(&object)));
                    }
                    Ok(None) => return seen,
                    Err(error) => {
                        seen.push(error.to_string());
                        return seen;
                    }
                }
            }
        })
    }

    #[test]
    fn a_line_may_be_cut_anywhere() {
        let whole =
            "{\"type\":\"ADDED\",\"object\":{\"a\":1}}\n{\"object\":2,\"type\":\"BOOKMARK\"}\n\n";
        for cut in 0..whole.len() {
            let (one, other) = whole.split_at(cut);
            assert_eq!(read(&[one, other]), [r#"Added {"a":1}"#, "Bookmark 2"]);
        }
        assert_eq!(read(&["{\"type\":\"ADDED\",\"obj"]), [""; 0]);
        assert_eq!(read(&["nonsense\n"]), ["decode an event"]);
    }

    #[test]
    fn an_object_in_a_frame_of_its_own_is_not_copied() {
        let object = Bytes::from(b"{\"a\":1}".to_vec());
        let head = Bytes::from_static(HEADS[1].0);
        let event = event(&[head, object.clone(), Bytes::from_static(b"}")]).unwrap();
        assert_eq!(event.kind, Kind::Modified);
        assert_eq!(event.object.as_ptr(), object.as_ptr());
    }
}
