//! Copying bytes.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;

use super::{PodNetwork, Source};
use crate::names::Transport;

/// Enough for a segment of the loopback; there may be thousands of connections.
const BUFFER: usize = 16 << 10;

/// Copies both ways until both sides have ended, and says how much. Where one breaks, the other is broken too.
pub(crate) async fn relay(mut one: TcpStream, mut other: TcpStream) -> (u64, u64) {
    let copied = copy_bidirectional_with_sizes(&mut one, &mut other, BUFFER, BUFFER).await;
    copied.unwrap_or_else(|_| {
        for stream in [&one, &other] {
            // Closing it sends a reset then, instead of an end that says all is well.
            let _ = stream.set_zero_linger();
        }
        (0, 0)
    })
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
        (one.unwrap(), other.unwrap().0)
    }

    async fn relayed() -> (TcpStream, TcpStream) {
        let ((client, near), (far, server)) = (pair().await, pair().await);
        tokio::spawn(relay(near, far));
        (client, server)
    }

    #[tokio::test]
    async fn each_direction_ends_by_itself() {
        let (mut client, mut server) = relayed().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "question");
        server.write_all(&vec![7; 1 << 20]).await.unwrap();
        drop(server);
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes.len(), 1 << 20);
    }

    #[tokio::test]
    async fn a_break_on_one_side_is_a_break_on_the_other() {
        let (mut client, mut server) = relayed().await;
        client.write_all(b"x").await.unwrap();
        server.read_u8().await.unwrap();
        server.set_zero_linger().unwrap();
        drop(server);
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
