//! A body made of what is there already.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

/// How many bytes leave at once.
const FRAME: usize = 64 << 10;

/// Bytes one after the other. They are joined to frames as they leave, so that a list costs one
/// buffer of modest size and not a second copy of itself.
#[derive(Debug)]
pub(super) struct Pieces {
    pieces: std::vec::IntoIter<Bytes>,
    /// The first piece of the next frame.
    first: Option<Bytes>,
    left: u64,
}

impl Pieces {
    pub(super) fn new(pieces: Vec<Bytes>) -> Self {
        Self {
            left: pieces.iter().map(|piece| piece.len() as u64).sum(),
            pieces: pieces.into_iter(),
            first: None,
        }
    }

    /// All of them in one.
    pub(super) fn join(mut self) -> Bytes {
        let mut all = BytesMut::with_capacity(usize::try_from(self.left).unwrap_or_default());
        while let Some(frame) = self.next_frame() {
            all.extend_from_slice(&frame);
        }
        all.freeze()
    }

    fn next_frame(&mut self) -> Option<Bytes> {
        let first = self.first.take().or_else(|| self.pieces.next())?;
        if first.len() >= FRAME {
            return Some(first);
        }
        let mut frame = BytesMut::with_capacity(FRAME);
        frame.extend_from_slice(&first);
        for piece in self.pieces.by_ref() {
            if frame.len() + piece.len() > FRAME {
                self.first = Some(piece);
                break;
            }
            frame.extend_from_slice(&piece);
        }
        Some(frame.freeze())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.next_frame();
        if let Some(frame) = &frame {
            self.left -= frame.len() as u64;
        }
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn pieces() -> Pieces {
        let sizes = [3, FRAME, 1, FRAME - 1, 1, 2 * FRAME, 0, 5];
        let filled = |(index, size): (usize, usize)| Bytes::from(vec![b'a' + index as u8; size]);
        Pieces::new(sizes.into_iter().enumerate().map(filled).collect())
    }

    #[tokio::test]
    async fn frames_are_of_modest_size_and_nothing_is_lost() {
        let whole = pieces().join();
        let mut body = pieces();
        let mut sizes = Vec::new();
        let mut seen = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            sizes.push(data.len());
            seen.extend_from_slice(&data);
            assert_eq!(
                body.size_hint().exact(),
                Some((whole.len() - seen.len()) as u64)
            );
        }
        assert!(body.is_end_stream());
        assert_eq!(seen, whole);
        // What is larger than a frame leaves as it is, uncopied.
        assert_eq!(sizes, [3, FRAME, FRAME, 1, 2 * FRAME, 5]);
    }
}
