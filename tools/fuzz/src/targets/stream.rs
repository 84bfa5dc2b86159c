//! Frames of connections.

use seatrial_apiserver::stream::{spdy, websocket};
use seatrial_git::packet;

/// WebSocket frames of a client: however the bytes are cut, the events are the same, and no more than
/// what came in comes out.
pub fn websocket(data: &[u8]) {
    let whole = websocket_events(data, data.len().max(1));
    assert_eq!(whole, websocket_events(data, 3));
    let bytes: usize = whole
        .iter()
        .map(|event| match event {
            Ok(websocket::Event::Message(bytes) | websocket::Event::Ping(bytes)) => bytes.len(),
            _ => 0,
        })
        .sum();
    assert!(bytes <= data.len());
}

fn websocket_events(data: &[u8], step: usize) -> Vec<Result<websocket::Event, websocket::Error>> {
    let mut decoder = websocket::Decoder::default();
    let mut events = Vec::new();
    for piece in data.chunks(step) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(event)) => events.push(Ok(event)),
                Err(error) => {
                    assert_eq!(decoder.next(), Err(error), "an error stays");
                    events.push(Err(error));
                    return events;
                }
            }
        }
    }
    events
}

/// SPDY frames of a client: however the bytes are cut, the frames are the same (data aside, which comes
/// in pieces), and headers are no larger than the decoder says.
pub fn spdy(data: &[u8]) {
    let whole = spdy_frames(data, data.len().max(1));
    assert_eq!(whole, spdy_frames(data, 5));
}

/// A frame, or a part of the data of a stream: how many bytes, and which sum.
#[derive(Debug, PartialEq)]
enum Seen {
    Frame(Result<spdy::Frame, spdy::Error>),
    Data {
        id: u32,
        length: usize,
        sum: u64,
        last: bool,
    },
}

fn spdy_frames(data: &[u8], step: usize) -> Vec<Seen> {
    let mut decoder = spdy::Decoder::default();
    let mut seen = Vec::new();
    for piece in data.chunks(step) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(frame)) => take(&mut seen, frame),
                Err(error) => {
                    assert_eq!(decoder.next(), Err(error), "an error stays");
                    seen.push(Seen::Frame(Err(error)));
                    return seen;
                }
            }
        }
    }
    seen
}

/// Adds a frame; the pieces of one data frame are one.
fn take(seen: &mut Vec<Seen>, frame: spdy::Frame) {
    if let spdy::Frame::SynStream { headers, .. } = &frame {
        let size: usize = headers
            .iter()
            .map(|(name, text)| name.len() + text.len())
            .sum();
        // What is no UTF-8 grows to three bytes.
        assert!(size <= 3 * (96 << 10), "{size} bytes of headers");
    }
    let spdy::Frame::Data { id, bytes, last } = frame else {
        seen.push(Seen::Frame(Ok(frame)));
        return;
    };
    let add = |sum: u64| {
        let bytes = bytes.iter();
        bytes.fold(sum, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
        })
    };
    match seen.last_mut() {
        Some(Seen::Data {
            id: before,
            length,
            sum,
            last: ended,
        }) if *before == id && !*ended => {
            *length += bytes.len();
            *sum = add(*sum);
            *ended = last;
        }
        _ => seen.push(Seen::Data {
            id,
            length: bytes.len(),
            sum: add(0),
            last,
        }),
    }
}

/// The commands at the start of a push, and the report at its end: however the bytes are cut, the same
/// updates are seen.
pub fn packet(data: &[u8]) {
    let updates = |step: usize| {
        let mut commands = packet::Commands::default();
        for piece in data.chunks(step) {
            commands.feed(piece);
        }
        commands.updates()
    };
    assert_eq!(updates(data.len().max(1)), updates(7));
    packet::accepted(data);
}
