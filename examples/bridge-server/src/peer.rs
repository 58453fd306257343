//! One WebSocket as a call sees it: text in, text out, and no waiting to send.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Sink, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
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

const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
