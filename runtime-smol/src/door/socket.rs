//! One connection's stream, whichever kind of listener it came from.

use async_io::Async;
use futures_lite::io::{AsyncRead, AsyncWrite};
use std::io::{self, IoSlice, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A connected stream: TCP, or the control socket.
#[derive(Debug)]
pub enum Socket {
    /// From a TCP port.
    Tcp(Async<TcpStream>),
    /// From the control socket.
    Unix(Async<UnixStream>),
}

impl Socket {
    /// The other end's address; none on the control socket. For logs only: it proves nothing.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(stream) => stream.get_ref().peer_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Our own end's address; none on the control socket.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(stream) => stream.get_ref().local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Reads what is there, at most `most` bytes and at most 4 KiB, behind what `buffer` holds. 0: the other end is done.
    /// While it waits it holds no memory for what may come; dropped, it has changed nothing.
    pub(super) async fn read_onto(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read_with(|stream| append(stream, buffer, most)).await,
            Socket::Unix(stream) => stream.read_with(|stream| append(stream, buffer, most)).await,
        }
    }
}

fn append(mut stream: impl Read, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let mut piece = [0; 4 << 10];
    let most = most.min(piece.len());
    let count = stream.read(&mut piece[..most])?;
    buffer.extend_from_slice(&piece[..count]);
    Ok(count)
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Socket::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Socket::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Socket::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Ends our side. (`Async` itself would only flush.)
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.get_mut() {
            Socket::Tcp(stream) => stream.get_ref().shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.get_ref().shutdown(Shutdown::Write),
        })
    }
}
