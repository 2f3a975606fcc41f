//! readywire itself.

use std::io;
use std::net::{self, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use benches::{Event, EventLoop};
use readywire::net::{TcpListener, TcpStream};
use readywire::{Events, IoSource, Poll, PollOpt, Ready, Token, Waker};

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);

pub(crate) struct Readywire {
    poll: Arc<Poll>,
    events: Events,
}

impl EventLoop for Readywire {
    const NAME: &'static str = "readywire";
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Source = IoSource<Arc<UdpSocket>>;
    type Waker = Waker;
    type Registrar = Arc<Poll>;

    fn new(capacity: usize) -> io::Result<Readywire> {
        Ok(Readywire {
            poll: Arc::new(Poll::new()?),
            events: Events::with_capacity(capacity),
        })
    }

    #[inline(always)]
    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(&address)
    }

    fn adopt(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_stream(stream)
    }

    fn listen(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }

    #[inline(always)]
    fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        listener.accept().map(|(stream, _)| stream)
    }

    fn register_listener(&mut self, listener: &mut TcpListener, token: usize) -> io::Result<()> {
        self.poll
            .register(listener, Token(token), Ready::READABLE, PollOpt::EDGE)
    }

    fn source(socket: Arc<UdpSocket>) -> IoSource<Arc<UdpSocket>> {
        IoSource::new_sole(socket)
    }

    #[inline(always)]
    fn register(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        self.poll
            .register(stream, Token(token), BOTH, PollOpt::EDGE)
    }

    #[inline(always)]
    fn reregister(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        self.poll
            .reregister(stream, Token(token), BOTH, PollOpt::EDGE)
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
        registrar.register(stream, Token(token), BOTH, PollOpt::EDGE)
    }

    #[inline(always)]
    fn deregister_from(registrar: &Arc<Poll>, stream: &mut TcpStream) -> io::Result<()> {
        registrar.deregister(stream)
    }

    fn register_level(&mut self, source: &mut Self::Source, token: usize) -> io::Result<bool> {
        let level = PollOpt::LEVEL;
        let registered = self
            .poll
            .register(source, Token(token), Ready::READABLE, level);
        registered.map(|()| true)
    }

    fn waker(&mut self, token: usize) -> io::Result<Waker> {
        Waker::new(&self.poll, Token(token))
    }

    #[inline(always)]
    fn wake(waker: &Waker) -> io::Result<()> {
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
