//! What the benchmarks share: the interface that every contestant stands behind, and the work.
//!
//! The contestants themselves are in `contestants/`, a file each. Nothing here knows one of them, so
//! that all do the same work.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;
use std::sync::Arc;

use readywire::sockopt;

/// The sizes of the messages, and their names.
pub const SIZES: [(usize, &str); 4] = [
    (64, "64 B"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
];

/// How many sources are ready, of how many.
pub const CROWDS: [(usize, usize); 3] = [(1, 64), (64, 1024), (1000, 4000)];

/// An event loop under test.
pub trait EventLoop: Sized {
    /// Its name in the report.
    const NAME: &'static str;

    /// A stream, as the users of this loop have it.
    type Stream: Read + Write;
    /// A socket that is only waited for.
    type Source;
    /// What ends a wait from another thread.
    type Waker: Clone + Send + 'static;

    /// Makes a loop that takes so many events at a time.
    ///
    /// # Errors
    /// What the system says; so for all methods.
    fn new(capacity: usize) -> io::Result<Self>;

    /// Starts to connect.
    ///
    /// # Errors
    /// What the system says.
    fn connect(address: SocketAddr) -> io::Result<Self::Stream>;

    /// Takes over a connected stream that is non-blocking already.
    ///
    /// # Errors
    /// What the system says.
    fn adopt(stream: TcpStream) -> io::Result<Self::Stream>;

    /// Takes in a socket that other loops watch, too.
    fn source(socket: Arc<UdpSocket>) -> Self::Source;

    /// Waits for edges of both directions from now on.
    ///
    /// # Errors
    /// What the system says.
    fn register(&mut self, stream: &mut Self::Stream, token: usize) -> io::Result<()>;

    /// Undoes [`register`](EventLoop::register).
    ///
    /// # Errors
    /// What the system says.
    fn deregister(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// Reports at every poll from now on while the source is readable; tells whether it can.
    ///
    /// # Errors
    /// What the system says.
    fn register_level(&mut self, source: &mut Self::Source, token: usize) -> io::Result<bool>;

    /// Makes a waker.
    ///
    /// # Errors
    /// What the system says.
    fn waker(&mut self, token: usize) -> io::Result<Self::Waker>;

    /// Wakes the loop.
    ///
    /// # Errors
    /// What the system says.
    fn wake(waker: &Self::Waker) -> io::Result<()>;

    /// Waits for events, for as long as it takes, and hands out their tokens.
    ///
    /// # Errors
    /// What the system says.
    fn poll(&mut self, handle: impl FnMut(usize)) -> io::Result<()>;
}

/// One connection over loopback with both its ends in one loop: what one end sends the other sends
/// back.
///
/// One thread does it all, so that no scheduler takes part in what is measured.
pub struct Echo<L: EventLoop> {
    events: L,
    near: L::Stream,
    far: L::Stream,
    /// What the far end has read and not sent back yet.
    held: Range<usize>,
    far_buffer: Vec<u8>,
    near_buffer: Vec<u8>,
}

const NEAR: usize = 1;
const FAR: usize = 2;
const BUFFER: usize = 64 * 1024;

impl<L: EventLoop> Echo<L> {
    /// Makes the connection.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Echo<L>> {
        let (near, far) = pair()?;
        let mut events = L::new(64)?;
        let (mut near, mut far) = (L::adopt(near)?, L::adopt(far)?);
        events.register(&mut near, NEAR)?;
        events.register(&mut far, FAR)?;
        Ok(Echo {
            events,
            near,
            far,
            held: 0..0,
            far_buffer: vec![0; BUFFER],
            near_buffer: vec![0; BUFFER],
        })
    }

    /// Sends a message and waits until all of it is back.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` if the connection is over.
    pub fn exchange(&mut self, message: &[u8]) -> io::Result<()> {
        let (mut sent, mut received) = (0, 0);
        drive_near(
            &mut self.near,
            message,
            &mut sent,
            &mut received,
            &mut self.near_buffer,
        )?;
        while received < message.len() {
            let mut result = Ok(());
            self.events.poll(|token| {
                let driven = match token {
                    NEAR => drive_near(
                        &mut self.near,
                        message,
                        &mut sent,
                        &mut received,
                        &mut self.near_buffer,
                    ),
                    _ => drive_far(&mut self.far, &mut self.held, &mut self.far_buffer),
                };
                if driven.is_err() {
                    result = driven;
                }
            })?;
            result?;
        }
        Ok(())
    }
}

fn drive_near(
    stream: &mut impl ReadWrite,
    message: &[u8],
    sent: &mut usize,
    received: &mut usize,
    buffer: &mut [u8],
) -> io::Result<()> {
    while *sent < message.len() {
        match unblocked(stream.write(&message[*sent..]))? {
            Some(n) => *sent += n,
            None => break,
        }
    }
    while let Some(n) = unblocked(stream.read(buffer))? {
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        *received += n;
    }
    Ok(())
}

fn drive_far(
    stream: &mut impl ReadWrite,
    held: &mut Range<usize>,
    buffer: &mut [u8],
) -> io::Result<()> {
    loop {
        while held.start < held.end {
            match unblocked(stream.write(&buffer[held.clone()]))? {
                Some(n) => held.start += n,
                None => return Ok(()),
            }
        }
        match unblocked(stream.read(buffer))? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(n) => *held = 0..n,
            None => return Ok(()),
        }
    }
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

fn unblocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

/// Makes a connection whose buffers have the same, fixed size in every run.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    for end in [&near, &far] {
        end.set_nonblocking(true)?;
        end.set_nodelay(true)?;
        sockopt::SEND_BUFFER_SIZE.set(end, 128 * 1024)?;
        sockopt::RECV_BUFFER_SIZE.set(end, 128 * 1024)?;
    }
    Ok((near, far))
}

/// Makes `all` sockets, `ready` of them readable.
///
/// # Errors
/// What the system says.
pub fn sockets(all: usize, ready: usize) -> io::Result<Vec<Arc<UdpSocket>>> {
    let socket = |index| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Spread over all, as they would be in life.
        if index * ready / all != (index + 1) * ready / all {
            socket.send_to(b"x", socket.local_addr()?)?;
        }
        Ok(Arc::new(socket))
    };
    (0..all).map(socket).collect()
}

/// Many sources, some of which are readable at every poll.
pub struct Crowd<L: EventLoop> {
    events: L,
    ready: usize,
    _sources: Vec<L::Source>,
}

impl<L: EventLoop> Crowd<L> {
    /// Watches all of the sockets, `ready` of which are readable; `None` if the loop knows no levels.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(sockets: &[Arc<UdpSocket>], ready: usize) -> io::Result<Option<Crowd<L>>> {
        let mut events = L::new(ready)?;
        let mut sources = Vec::with_capacity(sockets.len());
        for (index, socket) in sockets.iter().enumerate() {
            let mut source = L::source(Arc::clone(socket));
            if !events.register_level(&mut source, index)? {
                return Ok(None);
            }
            sources.push(source);
        }
        Ok(Some(Crowd {
            events,
            ready,
            _sources: sources,
        }))
    }

    /// Polls once, and adds up the tokens.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Panics
    /// If not all that are ready were reported.
    pub fn poll(&mut self) -> io::Result<usize> {
        let (mut count, mut sum) = (0, 0);
        self.events.poll(|token| {
            count += 1;
            sum += token;
        })?;
        assert_eq!(count, self.ready, "{} lost or invented events", L::NAME);
        Ok(sum)
    }
}

/// Connections that come and go.
pub struct Churn<L: EventLoop> {
    events: L,
    listener: TcpListener,
    address: SocketAddr,
}

impl<L: EventLoop> Churn<L> {
    /// Makes the listener.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Churn<L>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Churn {
            events: L::new(64)?,
            address: listener.local_addr()?,
            listener,
        })
    }

    /// Connects, registers, accepts, waits for the connection, deregisters and drops.
    ///
    /// # Errors
    /// What the system says.
    pub fn turn(&mut self) -> io::Result<()> {
        let mut stream = L::connect(self.address)?;
        self.events.register(&mut stream, NEAR)?;
        let (accepted, _) = self.listener.accept()?;
        // The connection is reset, lest its port stays taken for a minute.
        sockopt::LINGER.set(&accepted, Some(std::time::Duration::ZERO))?;
        let mut connected = false;
        while !connected {
            self.events.poll(|token| connected |= token == NEAR)?;
        }
        drop(accepted);
        self.events.deregister(&mut stream)
    }
}
