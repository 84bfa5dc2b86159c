//! WebSocket (RFC 6455), the server's side.

mod connection;
mod frame;

pub(super) use connection::{Gone, Receiver, Sender, open};
pub use frame::{Decoder, Error, Event};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the key of a handshake is answered with.
pub(super) fn accept(key: &str) -> String {
    const SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let text = format!("{key}{SUFFIX}");
    // The algorithm is the protocol's; it protects nothing here.
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    STANDARD.encode(digest.as_ref())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_is_answered_as_in_the_rfc() {
        let answer = super::accept("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
