//! The interface that every contestant stands behind.
//!
//! The contestants themselves are in `contestants/`, a file each; the work that they do is in `suite/`, a
//! file a group; `groups.rs` measures it with criterion, `measure/` with the contestants taking turns.
//! Nothing here knows a contestant, so that all do the same work.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// What a loop tells of a source that is ready: as much as every user of one must know.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The number that the source was registered under.
    pub token: usize,
    /// Whether a read would not block.
    pub readable: bool,
    /// Whether a write would not block.
    pub writable: bool,
}

impl Event {
    /// Folds all of the event into a number, so that no contestant can leave a part of it out.
    #[inline]
    pub fn digest(self) -> usize {
        self.token + usize::from(self.readable) + 2 * usize::from(self.writable)
    }
}

/// An event loop under test.
///
/// All methods fail with what the system says.
#[expect(clippy::missing_errors_doc, reason = "said above, once for all")]
pub trait EventLoop: Send + Sized + 'static {
    /// Its name in the report.
    const NAME: &'static str;

    /// A stream, as the users of this loop have it.
    type Stream: Read + Write + Send + 'static;
    /// A listener, as the users of this loop have it.
    type Listener: Send + 'static;
    /// A socket that is only waited for.
    type Source: Send + 'static;
    /// What ends a wait from another thread.
    type Waker: Clone + Send + 'static;
    /// What registers from another thread.
    type Registrar: Send + 'static;

    /// Makes a loop that takes so many events at a time.
    fn new(capacity: usize) -> io::Result<Self>;

    /// Starts to connect.
    fn connect(address: SocketAddr) -> io::Result<Self::Stream>;

    /// Takes over a connected stream that is non-blocking already.
    fn adopt(stream: TcpStream) -> io::Result<Self::Stream>;

    /// Reads into several buffers, none of them empty.
    #[inline]
    fn read_vectored<const N: usize>(
        stream: &mut Self::Stream,
        buffers: &mut [IoSliceMut<'_>; N],
    ) -> io::Result<usize> {
        stream.read_vectored(buffers)
    }

    /// Writes from several buffers, none of them empty.
    #[inline]
    fn write_vectored<const N: usize>(
        stream: &mut Self::Stream,
        buffers: &[IoSlice<'_>; N],
    ) -> io::Result<usize> {
        stream.write_vectored(buffers)
    }

    /// Takes over a listener that is non-blocking already.
    fn listen(listener: TcpListener) -> io::Result<Self::Listener>;

    /// Accepts a connection, as a stream that is non-blocking.
    fn accept(listener: &Self::Listener) -> io::Result<Self::Stream>;

    /// Waits for edges of connections from now on.
    fn register_listener(&mut self, listener: &mut Self::Listener, token: usize) -> io::Result<()>;

    /// Takes in a socket that other loops watch, too.
    fn source(socket: Arc<UdpSocket>) -> Self::Source;

    /// Waits for edges of both directions from now on.
    fn register(&mut self, stream: &mut Self::Stream, token: usize) -> io::Result<()>;

    /// Waits for edges of both directions under another token.
    fn reregister(&mut self, stream: &mut Self::Stream, token: usize) -> io::Result<()>;

    /// Undoes [`register`](EventLoop::register).
    fn deregister(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// Makes a handle that registers from another thread.
    fn registrar(&mut self) -> io::Result<Self::Registrar>;

    /// Does as [`register`](EventLoop::register), from any thread.
    fn register_from(
        registrar: &Self::Registrar,
        stream: &mut Self::Stream,
        token: usize,
    ) -> io::Result<()>;

    /// Does as [`deregister`](EventLoop::deregister), from any thread.
    fn deregister_from(registrar: &Self::Registrar, stream: &mut Self::Stream) -> io::Result<()>;

    /// Reports at every poll from now on while the source is readable; tells whether it can.
    fn register_level(&mut self, source: &mut Self::Source, token: usize) -> io::Result<bool>;

    /// Makes a waker.
    fn waker(&mut self, token: usize) -> io::Result<Self::Waker>;

    /// Wakes the loop.
    fn wake(waker: &Self::Waker) -> io::Result<()>;

    /// Waits for events, for as long as `timeout` says or for as long as it takes, and hands them
    /// out.
    fn poll(&mut self, timeout: Option<Duration>, handle: impl FnMut(Event)) -> io::Result<()>;
}
