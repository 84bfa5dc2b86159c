//! Copying bytes.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;

use super::{PodNetwork, Source};
use crate::names::Transport;

/// Enough for a segment of the loopback; there may be thousands of connections.
const BUFFER: usize = 16 << 10;

/// Copies both ways until both sides have ended. Where one breaks, the other is broken too.
pub(crate) async fn relay(mut one: TcpStream, mut other: TcpStream) {
    let copied = copy_bidirectional_with_sizes(&mut one, &mut other, BUFFER, BUFFER).await;
    if copied.is_err() {
        for stream in [&one, &other] {
            // Closing it sends a reset then, instead of an end that says all is well.
            let _ = stream.set_zero_linger();
        }
    }
}

/// Answers questions to the name server, each with its length before it.
pub(super) async fn questions(mut stream: TcpStream, network: &PodNetwork, source: &Source) {
    // A client that breaks off has what it wanted.
    let _ = serve(&mut stream, network, source).await;
}

async fn serve(stream: &mut TcpStream, network: &PodNetwork, source: &Source) -> io::Result<()> {
    loop {
        let mut question = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut question).await?;
        let answer = network.look_up(source, &question, Transport::Stream).await;
        let Some(answer) = answer else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let message = [&length.to_be_bytes()[..], &answer].concat();
        stream.write_all(&message).await?;
    }
}
