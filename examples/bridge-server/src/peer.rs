//! One WebSocket as a call sees it: text in, text out, and no waiting to send.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Sink, Stream};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// A WebSocket that is read and written by one task.
///
/// Sending never waits: what the peer does not take at once is kept, up to the limit given to
/// [`config`], and goes out while [`next`](Self::next) waits for the peer. A peer that has fallen
/// so far behind is [`Gone`]; nothing is dropped in between.
pub(crate) struct Peer<S> {
    socket: WebSocketStream<S>,
    unflushed: bool,
    heard: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            unflushed: false,
            heard: Instant::now(),
        }
    }

    /// Queues one text frame.
    pub(crate) fn send(&mut self, text: &str) -> Result<(), Gone> {
        self.send_message(Message::text(text))
    }

    /// The peer's next text frame, or why there is none. Sends what is queued meanwhile.
    ///
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            let message = poll_fn(|context| self.poll(context)).await;
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => return Incoming::Text(text),
                Some(Ok(Message::Binary(_))) => return Incoming::Binary,
                Some(Ok(Message::Close(frame))) => return Incoming::Closed(frame),
                // Pongs are queued by the socket itself and leave with the next read.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Incoming::Failed(error.to_string()),
                None => return Incoming::Closed(None),
            }
        }
    }

    /// When the peer last sent anything, pings included.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Says goodbye with `code` and waits for the peer to do so, but not for long.
    pub(crate) async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        if self.send_message(Message::Close(Some(frame))).is_err() {
            return;
        }
        let goodbye =
            async { while matches!(self.next().await, Incoming::Text(_) | Incoming::Binary) {} };
        // A peer that does not answer is left to TCP.
        let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
    }

    fn send_message(&mut self, message: Message) -> Result<(), Gone> {
        // `poll_ready` is left out on purpose: it waits for the peer. The socket takes messages
        // up to its buffer's limit and refuses them beyond it.
        Pin::new(&mut self.socket)
            .start_send(message)
            .map_err(|error| match error {
                Error::WriteBufferFull(_) => Gone::TooSlow,
                error => Gone::Failed(error.to_string()),
            })?;
        self.unflushed = true;
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.unflushed {
            match Pin::new(&mut self.socket).poll_flush(context) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => {}
            }
        }
        Pin::new(&mut self.socket).poll_next(context)
    }
}

/// What a peer sent.
#[derive(Debug)]
pub(crate) enum Incoming {
    Text(Utf8Bytes),
    Binary,
    Closed(Option<CloseFrame>),
    Failed(String),
}

/// Why nothing more can be sent.
#[derive(Debug)]
pub(crate) enum Gone {
    /// More is waiting to be sent than the limit allows.
    TooSlow,
    Failed(String),
}

/// A socket that takes messages of up to `max_message` bytes and keeps up to `max_unsent` bytes.
pub(crate) fn config(max_message: usize, max_unsent: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        // The default of 128 KiB each would be most of a call's memory.
        .read_buffer_size(8 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(max_unsent)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

/// Bounds what the kernel keeps for a peer that does not read. Left to itself it would take megabytes,
/// minutes of audio, before a stall showed.
pub(crate) fn bound_send_buffer(socket: &TcpStream) -> io::Result<()> {
    SockRef::from(socket).set_send_buffer_size(SEND_BUFFER)
}

/// Several round trips of both directions' audio; Linux takes twice that for its own books.
const SEND_BUFFER: usize = 64 << 10;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    const LIMIT: usize = 64 << 10;

    /// A peer and its other end, between them a pipe that holds 4 KiB each way.
    async fn pair() -> (Peer<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (near, far) = duplex(4 << 10);
        let near =
            WebSocketStream::from_raw_socket(near, Role::Server, Some(config(1 << 10, LIMIT)));
        let far = WebSocketStream::from_raw_socket(far, Role::Client, None);
        (Peer::new(near.await), far.await)
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_heard_all_the_same_and_gone_at_the_limit() {
        let (mut peer, mut far) = pair().await;
        let frame = "x".repeat(400);
        let mut sent = 0;
        let gone = loop {
            far.send(Message::text(sent.to_string())).await.unwrap();
            match peer.send(&frame) {
                Ok(()) => sent += 1,
                Err(gone) => break gone,
            }
            let Incoming::Text(text) = peer.next().await else {
                panic!("closed");
            };
            assert_eq!(text, (sent - 1).to_string());
        };
        assert!(matches!(gone, Gone::TooSlow), "{gone:?}");
        assert!(
            (LIMIT / 404..=(LIMIT + (4 << 10)) / 400).contains(&sent),
            "{sent} frames"
        );
    }

    #[tokio::test]
    async fn what_was_kept_for_a_slow_peer_reaches_it_in_order() {
        let (mut peer, mut far) = pair().await;
        for n in 0..100 {
            peer.send(&format!("{n:0400}")).unwrap();
        }
        let reader = tokio::spawn(async move {
            for n in 0..100 {
                let message = far.next().await.unwrap().unwrap();
                assert_eq!(message.into_text().unwrap(), format!("{n:0400}"));
            }
            far.close(None).await.unwrap();
        });
        assert!(matches!(peer.next().await, Incoming::Closed(_)));
        reader.await.unwrap();
    }

    #[tokio::test]
    async fn a_message_beyond_the_cap_is_not_read() {
        let (mut peer, mut far) = pair().await;
        far.send(Message::text("x".repeat(1 << 10))).await.unwrap();
        assert!(matches!(peer.next().await, Incoming::Text(_)));
        far.send(Message::text("x".repeat((1 << 10) + 1)))
            .await
            .unwrap();
        assert!(matches!(peer.next().await, Incoming::Failed(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_the_peer_but_not_for_ever() {
        let (mut peer, mut far) = pair().await;
        let closing = tokio::spawn(async move {
            let began = Instant::now();
            peer.close(1000, "").await;
            began.elapsed()
        });
        let Some(Ok(Message::Close(Some(frame)))) = far.next().await else {
            panic!("no close frame");
        };
        assert_eq!(frame.code, CloseCode::Normal);
        let _ = far.next().await;
        assert!(closing.await.unwrap() < CLOSE_TIMEOUT);

        let (mut peer, _deaf) = pair().await;
        let began = Instant::now();
        peer.close(1000, "").await;
        assert!(began.elapsed() >= CLOSE_TIMEOUT);
    }
}
