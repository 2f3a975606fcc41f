//! mio 1.

use std::io;
use std::net::{self, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use benches::{Event, EventLoop};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

pub(crate) struct Mio {
    poll: Poll,
    events: Events,
}

impl EventLoop for Mio {
    const NAME: &'static str = "mio 1";
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Source = Arc<UdpSocket>;
    type Waker = Arc<Waker>;
    type Registrar = Registry;

    fn new(capacity: usize) -> io::Result<Mio> {
        Ok(Mio {
            poll: Poll::new()?,
            events: Events::with_capacity(capacity),
        })
    }

    #[inline(always)]
    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address)
    }

    fn adopt(stream: net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream::from_std(stream))
    }

    fn listen(listener: net::TcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener::from_std(listener))
    }

    #[inline(always)]
    fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().map(|(stream, _)| stream)
    }

    fn register_listener(&mut self, listener: &mut TcpListener, token: usize) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(listener, Token(token), Interest::READABLE)
    }

    fn source(socket: Arc<UdpSocket>) -> Arc<UdpSocket> {
        socket
    }

    #[inline(always)]
    fn register(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        self.poll.registry().register(stream, Token(token), BOTH)
    }

    #[inline(always)]
    fn reregister(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        self.poll.registry().reregister(stream, Token(token), BOTH)
    }

    #[inline(always)]
    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.poll.registry().deregister(stream)
    }

    fn registrar(&mut self) -> io::Result<Registry> {
        self.poll.registry().try_clone()
    }

    #[inline(always)]
    fn register_from(registrar: &Registry, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        registrar.register(stream, Token(token), BOTH)
    }

    #[inline(always)]
    fn deregister_from(registrar: &Registry, stream: &mut TcpStream) -> io::Result<()> {
        registrar.deregister(stream)
    }

    /// mio 1 has edges alone: the level goes into its epoll by hand.
    #[cfg(target_os = "linux")]
    fn register_level(&mut self, source: &mut Arc<UdpSocket>, token: usize) -> io::Result<bool> {
        use std::os::fd::AsRawFd;

        super::raw::add(
            self.poll.as_raw_fd(),
            source.as_raw_fd(),
            libc::EPOLLIN,
            token,
        )
        .map(|()| true)
    }

    #[cfg(not(target_os = "linux"))]
    fn register_level(&mut self, _source: &mut Arc<UdpSocket>, _token: usize) -> io::Result<bool> {
        Ok(false)
    }

    fn waker(&mut self, token: usize) -> io::Result<Arc<Waker>> {
        Waker::new(self.poll.registry(), Token(token)).map(Arc::new)
    }

    #[inline(always)]
    fn wake(waker: &Arc<Waker>) -> io::Result<()> {
        waker.wake()
    }

    #[inline(always)]
    fn poll(&mut self, timeout: Option<Duration>, mut handle: impl FnMut(Event)) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            handle(Event {
                token: event.token().0,
                readable: event.is_readable(),
                writable: event.is_writable(),
            });
        }
        Ok(())
    }
}
