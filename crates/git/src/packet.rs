//! Packet lines (`gitprotocol-common`): the frames of the pack protocol.
//!
//! Only what the server has to understand by itself: the commands at the start of a push and the
//! report at its end. Everything else passes through untouched.

use crate::push::RefUpdate;

/// No push names more refs than fit in this many bytes; past it the commands are not followed.
const COMMANDS_LIMIT: usize = 16 << 20;

/// Four hexadecimal digits of length and the text.
pub(crate) fn line(text: &str) -> Vec<u8> {
    format!("{:04x}{text}", text.len() + 4).into_bytes()
}

/// The end of a list.
pub(crate) const FLUSH: &[u8] = b"0000";

enum Packet<'a> {
    Flush,
    Data(&'a [u8]),
}

/// The packet at the start of `bytes` and its whole length; `None` where more bytes are needed
/// or this is no packet.
fn first(bytes: &[u8]) -> Option<(Packet<'_>, usize)> {
    let digits = std::str::from_utf8(bytes.get(..4)?).ok()?;
    match usize::from_str_radix(digits, 16).ok()? {
        0..4 => Some((Packet::Flush, 4)),
        length => Some((Packet::Data(bytes.get(4..length)?), length)),
    }
}

/// Follows the commands at the start of a push while its bytes pass by.
#[derive(Debug, Default)]
pub struct Commands {
    seen: Vec<u8>,
    complete: bool,
    updates: Vec<RefUpdate>,
}

impl Commands {
    /// Takes the next bytes of the request.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.complete {
            return;
        }
        self.seen.extend_from_slice(bytes);
        let mut start = 0;
        while let Some((packet, length)) = first(&self.seen[start..]) {
            match packet {
                Packet::Flush => self.complete = true,
                Packet::Data(data) => self.updates.extend(command(data)),
            }
            start += length;
            if self.complete {
                break;
            }
        }
        self.seen.drain(..start);
        if self.complete || self.seen.len() > COMMANDS_LIMIT {
            self.complete = true;
            self.seen = Vec::new();
        }
    }

    /// The updates asked for.
    pub fn updates(self) -> Vec<RefUpdate> {
        self.updates
    }
}

/// `<old> <new> <ref>`, with the capabilities behind a NUL in the first one.
fn command(data: &[u8]) -> Option<RefUpdate> {
    let text = data.split(|byte| *byte == 0).next()?;
    let text = std::str::from_utf8(text).ok()?.trim_end_matches('\n');
    let mut parts = text.splitn(3, ' ');
    let (before, after, reference) = (parts.next()?, parts.next()?, parts.next()?);
    let is_digest =
        |digest: &str| digest.len() >= 40 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    (is_digest(before) && is_digest(after)).then(|| RefUpdate {
        reference: reference.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
    })
}

/// The refs that `git receive-pack` reports as updated, from its whole answer: plain packets, or
/// packets inside side-band packets.
pub fn accepted(answer: &[u8]) -> Vec<String> {
    let mut plain = Vec::new();
    let mut banded = Vec::new();
    let mut rest = answer;
    while let Some((packet, length)) = first(rest) {
        if let Packet::Data(data) = packet {
            match data.first() {
                Some(1) => banded.extend_from_slice(&data[1..]),
                Some(2 | 3) => {}
                _ => plain.extend(ok_line(data)),
            }
        }
        rest = &rest[length..];
    }
    let mut inner = banded.as_slice();
    while let Some((packet, length)) = first(inner) {
        if let Packet::Data(data) = packet {
            plain.extend(ok_line(data));
        }
        inner = &inner[length..];
    }
    plain
}

fn ok_line(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?.trim_end_matches('\n');
    text.strip_prefix("ok ").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_followed_across_any_chunking() {
        let (zero, one) = ("0".repeat(40), "1".repeat(40));
        let mut request = line(&format!(
            "{zero} {one} refs/heads/main\0 report-status side-band-64k"
        ));
        request.extend(line(&format!("{one} {zero} refs/heads/old\n")));
        request.extend(FLUSH);
        request.extend(b"PACK....0000garbage");
        for size in [1, 3, 7, request.len()] {
            let mut commands = Commands::default();
            for chunk in request.chunks(size) {
                commands.feed(chunk);
            }
            let refs: Vec<_> = commands
                .updates()
                .into_iter()
                .map(|update| update.reference)
                .collect();
            assert_eq!(
                refs,
                ["refs/heads/main", "refs/heads/old"],
                "chunks of {size}"
            );
        }
    }

    #[test]
    fn a_report_is_read_plain_and_in_a_side_band() {
        let mut report = line("unpack ok\n");
        report.extend(line("ok refs/heads/main\n"));
        report.extend(line("ng refs/heads/other non-fast-forward\n"));
        report.extend(FLUSH);
        assert_eq!(accepted(&report), ["refs/heads/main"]);
        let mut banded = Vec::new();
        for half in report.chunks(20) {
            banded.extend(format!("{:04x}", half.len() + 5).into_bytes());
            banded.push(1);
            banded.extend(half);
        }
        banded.extend(FLUSH);
        assert_eq!(accepted(&banded), ["refs/heads/main"]);
    }

    #[test]
    fn nonsense_is_no_command() {
        let mut commands = Commands::default();
        commands.feed(b"zzzznonsense");
        assert!(commands.updates().is_empty());
        assert!(accepted(b"ffff").is_empty());
    }
}
