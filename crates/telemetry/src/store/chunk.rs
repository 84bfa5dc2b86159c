//! Up to 120 samples of one series, compressed.
//!
//! After Gorilla (Pelkonen et al., VLDB 2015), but in whole bytes: times as the difference of
//! differences in a variable-length integer (one byte when regular), values as the exclusive or with the
//! one before, of which only the bytes between the leading and trailing zero bytes are kept.

use super::Point;

/// The most samples in a chunk.
const FULL: usize = 120;

#[derive(Debug, Clone)]
pub(super) struct Chunk {
    first: Point,
    last: Point,
    delta: i64,
    count: usize,
    bytes: Vec<u8>,
}

impl Chunk {
    pub(super) fn new(point: Point) -> Self {
        Self {
            first: point,
            last: point,
            delta: 0,
            count: 1,
            bytes: Vec::new(),
        }
    }

    /// Adds a later point; `false` if the chunk is full.
    pub(super) fn push(&mut self, point: Point) -> bool {
        if self.count == FULL {
            self.bytes.shrink_to_fit();
            return false;
        }
        // Pages may give any times; what wraps around here wraps back when it is read.
        let delta = point.time.wrapping_sub(self.last.time);
        write_integer(&mut self.bytes, delta.wrapping_sub(self.delta));
        write_value(
            &mut self.bytes,
            point.value.to_bits() ^ self.last.value.to_bits(),
        );
        self.delta = delta;
        self.last = point;
        self.count += 1;
        true
    }

    pub(super) fn first(&self) -> Point {
        self.first
    }

    pub(super) fn last(&self) -> Point {
        self.last
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity() + size_of::<Self>()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Point> + '_ {
        let mut rest = self.bytes.as_slice();
        let mut point = self.first;
        let mut delta = 0;
        let later = (1..self.count).map(move |_| {
            delta = read_integer(&mut rest).wrapping_add(delta);
            point.time = point.time.wrapping_add(delta);
            point.value = f64::from_bits(point.value.to_bits() ^ read_value(&mut rest));
            point
        });
        std::iter::once(self.first).chain(later)
    }
}

fn write_integer(bytes: &mut Vec<u8>, value: i64) {
    // Zigzag: small negative numbers become small positive ones.
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

fn read_integer(bytes: &mut &[u8]) -> i64 {
    let (mut value, mut shift) = (0_u64, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// One byte that says how many zero bytes lead and how many bytes follow, and those.
fn write_value(bytes: &mut Vec<u8>, bits: u64) {
    if bits == 0 {
        bytes.push(0);
        return;
    }
    let leading = bits.leading_zeros() as usize / 8;
    let kept = 8 - leading - bits.trailing_zeros() as usize / 8;
    bytes.push((leading << 4 | kept) as u8);
    bytes.extend_from_slice(&bits.to_be_bytes()[leading..leading + kept]);
}

fn read_value(bytes: &mut &[u8]) -> u64 {
    let Some((head, rest)) = bytes.split_first() else {
        return 0;
    };
    let (leading, kept) = (usize::from(head >> 4), usize::from(head & 0x0f));
    let mut word = [0; 8];
    word[leading..leading + kept].copy_from_slice(&rest[..kept]);
    *bytes = &rest[kept..];
    u64::from_be_bytes(word)
}
