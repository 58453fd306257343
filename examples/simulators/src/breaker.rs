//! Connections that break.

use std::io;

use tokio::net::TcpStream;

/// A second handle of a connection, to break it as a machine does that has gone: with a TCP reset.
#[derive(Debug)]
pub(crate) struct Breaker(TcpStream);

impl Breaker {
    /// The connection, and its breaker.
    pub(crate) fn of(stream: TcpStream) -> io::Result<(TcpStream, Self)> {
        let stream = stream.into_std()?;
        let second = TcpStream::from_std(stream.try_clone()?)?;
        Ok((TcpStream::from_std(stream)?, Self(second)))
    }

    /// What waits to be sent is thrown away, and the connection is reset once its other handle is
    /// dropped, too.
    pub(crate) fn reset(self) {
        // A connection that is gone already needs no reset.
        let _ = self.0.set_zero_linger();
    }
}
