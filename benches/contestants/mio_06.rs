//! mio 0.6.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{self, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use benches::{Event, EventLoop};
use iovec::IoVec;
use mio_06::net::{TcpListener, TcpStream};
use mio_06::unix::EventedFd;
use mio_06::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token};

pub(crate) struct Mio06 {
    poll: Arc<Poll>,
    events: Events,
    registrations: Vec<Registration>,
}

impl EventLoop for Mio06 {
    const NAME: &'static str = "mio 0.6";
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Source = Arc<UdpSocket>;
    type Waker = SetReadiness;
    type Registrar = Arc<Poll>;

    fn new(capacity: usize) -> io::Result<Mio06> {
        Ok(Mio06 {
            poll: Arc::new(Poll::new()?),
            events: Events::with_capacity(capacity),
            registrations: Vec::new(),
        })
    }

    #[inline(always)]
    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(&address)
    }

    fn adopt(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_stream(stream)
    }

    /// Its `Read` knows one buffer alone.
    #[inline]
    fn read_vectored<const N: usize>(
        stream: &mut TcpStream,
        buffers: &mut [IoSliceMut<'_>; N],
    ) -> io::Result<usize> {
        let mut buffers = buffers
            .each_mut()
            .map(|buffer| <&mut IoVec>::from(&mut **buffer));
        stream.read_bufs(&mut buffers)
    }

    /// Its `Write` knows one buffer alone.
    #[inline]
    fn write_vectored<const N: usize>(
        stream: &mut TcpStream,
        buffers: &[IoSlice<'_>; N],
    ) -> io::Result<usize> {
        let buffers = buffers.each_ref().map(|buffer| <&IoVec>::from(&**buffer));
        stream.write_bufs(&buffers)
    }

    fn listen(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    #[inline(always)]
    fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().map(|(stream, _)| stream)
    }

    fn register_listener(&mut self, listener: &mut TcpListener, token: usize) -> io::Result<()> {
        let (token, edge) = (Token(token), PollOpt::edge());
        self.poll.register(listener, token, Ready::readable(), edge)
    }

    fn source(socket: Arc<UdpSocket>) -> Arc<UdpSocket> {
        socket
    }

    #[inline(always)]
    fn register(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        Mio06::register_from(&self.poll, stream, token)
    }

    #[inline(always)]
    fn reregister(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        let both = Ready::readable() | Ready::writable();
        self.poll
            .reregister(stream, Token(token), both, PollOpt::edge())
    }

    #[inline(always)]
    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.poll.deregister(stream)
    }

    fn registrar(&mut self) -> io::Result<Arc<Poll>> {
        Ok(Arc::clone(&self.poll))
    }

    #[inline(always)]
    fn register_from(
        registrar: &Arc<Poll>,
        stream: &mut TcpStream,
        token: usize,
    ) -> io::Result<()> {
        let both = Ready::readable() | Ready::writable();
        registrar.register(stream, Token(token), both, PollOpt::edge())
    }

    #[inline(always)]
    fn deregister_from(registrar: &Arc<Poll>, stream: &mut TcpStream) -> io::Result<()> {
        registrar.deregister(stream)
    }

    fn register_level(&mut self, source: &mut Arc<UdpSocket>, token: usize) -> io::Result<bool> {
        let source = source.as_raw_fd();
        let (token, level) = (Token(token), PollOpt::level());
        let registered = self
            .poll
            .register(&EventedFd(&source), token, Ready::readable(), level);
        registered.map(|()| true)
    }

    fn waker(&mut self, token: usize) -> io::Result<SetReadiness> {
        let (registration, set_readiness) = Registration::new2();
        let (token, edge) = (Token(token), PollOpt::edge());
        self.poll
            .register(&registration, token, Ready::readable(), edge)?;
        self.registrations.push(registration);
        Ok(set_readiness)
    }

    #[inline(always)]
    fn wake(waker: &SetReadiness) -> io::Result<()> {
        waker.set_readiness(Ready::readable())
    }

    #[inline(always)]
    fn poll(&mut self, timeout: Option<Duration>, mut handle: impl FnMut(Event)) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            handle(Event {
                token: event.token().0,
                readable: event.readiness().is_readable(),
                writable: event.readiness().is_writable(),
            });
        }
        Ok(())
    }
}
