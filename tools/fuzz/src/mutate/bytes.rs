//! Changes of plain bytes.

use fastrand::Rng;

/// Numbers at which something often breaks, as text.
pub(super) const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e400",
    "-0.0",
    "0.1",
    "1e-300",
    "170141183460469231731687303715884105728",
];

/// Pieces at which text often breaks.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b"\\",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"${",
    b"#",
    b"%",
    b"/",
    b"..",
    b"*",
    b"\xff",
    b"\xc3",
    "\u{e9}".as_bytes(),
    "\u{1f600}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{130}".as_bytes(),
];

/// Changes an input in one way. `other` is an input to take from.
pub(super) fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Rng, words: &[&str]) {
    let at = random.usize(..=input.len());
    match random.u8(..12) {
        0 => insert(input, at, PIECES[random.usize(..PIECES.len())]),
        1 => insert(input, at, word(random, words)),
        2 => insert(input, at, NUMBERS[random.usize(..NUMBERS.len())].as_bytes()),
        3 => {
            let range = range(input, random);
            input.drain(range);
        }
        4 => {
            let range = range(input, random);
            let most = if random.u8(..16) == 0 { 500 } else { 4 };
            let times = 1 + random.usize(..most);
            let piece = input[range].repeat(times);
            insert(input, at, &piece);
        }
        5 => {
            let range = range(other, random);
            insert(input, at, &other[range]);
        }
        6 => {
            input.truncate(at);
            let range = range(other, random);
            input.extend_from_slice(&other[range]);
        }
        7 => input.truncate(at),
        8 => number(input, at, random),
        9 => {
            let range = range(input, random);
            let new = word(random, words).to_vec();
            input.splice(range, new);
        }
        10 => overwrite(input, at, random),
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.u8(..8);
            }
        }
    }
}

fn word<'a>(random: &mut Rng, words: &[&'a str]) -> &'a [u8] {
    match words.len() {
        0 => PIECES[random.usize(..PIECES.len())],
        count => words[random.usize(..count)].as_bytes(),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

/// A part of an input, short more often than long.
fn range(input: &[u8], random: &mut Rng) -> std::ops::Range<usize> {
    let start = random.usize(..=input.len());
    let left = input.len() - start;
    let most = if random.bool() { left.min(8) } else { left };
    start..start + random.usize(..=most)
}

/// Puts another number in the place of the next one in the text.
fn number(input: &mut Vec<u8>, at: usize, random: &mut Rng) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = input[at..].iter().position(digit).map(|found| at + found) else {
        return;
    };
    let length = input[start..].iter().take_while(|byte| digit(byte)).count();
    let new = NUMBERS[random.usize(..NUMBERS.len())];
    input.splice(start..start + length, new.bytes());
}

/// Overwrites bytes with a number as machines write it, in either order.
fn overwrite(input: &mut [u8], at: usize, random: &mut Rng) {
    let numbers = [
        0,
        1,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0xffff,
        u64::from(u32::MAX),
        u64::MAX,
    ];
    let number = numbers[random.usize(..numbers.len())];
    let width = [1, 2, 4, 8][random.usize(..4)];
    let bytes = if random.bool() {
        number.to_be_bytes()[8 - width..].to_vec()
    } else {
        number.to_le_bytes()[..width].to_vec()
    };
    for (place, byte) in input[at..].iter_mut().zip(bytes) {
        *place = byte;
    }
}

/// One or two pieces over and over, up to `most` bytes: nesting, long names, long lists.
pub(super) fn repetition(random: &mut Rng, words: &[&str], most: usize) -> Vec<u8> {
    let piece = |random: &mut Rng| match random.u8(..3) {
        0 => PIECES[random.usize(..PIECES.len())],
        1 => b"{\"a\":",
        _ => word(random, words),
    };
    let mut unit = piece(random).to_vec();
    if random.bool() {
        unit.extend_from_slice(piece(random));
    }
    let most = if random.bool() { most } else { most / 64 };
    let mut input = word(random, words).to_vec();
    input.extend(unit.repeat((most / unit.len().max(1)).max(1)));
    input.truncate(most);
    input
}
