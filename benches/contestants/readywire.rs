//! readywire itself.

use std::io;
use std::net::{self, SocketAddr, UdpSocket};
use std::sync::Arc;

use benches::EventLoop;
use readywire::net::TcpStream;
use readywire::{Events, IoSource, Poll, PollOpt, Ready, Token, Waker};

pub(crate) struct Readywire {
    poll: Poll,
    events: Events,
}

impl EventLoop for Readywire {
    const NAME: &'static str = "readywire";
    type Stream = TcpStream;
    type Source = IoSource<Arc<UdpSocket>>;
    type Waker = Waker;

    fn new(capacity: usize) -> io::Result<Readywire> {
        Ok(Readywire {
            poll: Poll::new()?,
            events: Events::with_capacity(capacity),
        })
    }

    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(&address)
    }

    fn adopt(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_stream(stream)
    }

    fn source(socket: Arc<UdpSocket>) -> IoSource<Arc<UdpSocket>> {
        IoSource::new_sole(socket)
    }

    fn register(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        let both = Ready::READABLE | Ready::WRITABLE;
        self.poll
            .register(stream, Token(token), both, PollOpt::edge())
    }

    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.poll.deregister(stream)
    }

    fn register_level(&mut self, source: &mut Self::Source, token: usize) -> io::Result<bool> {
        let level = PollOpt::level();
        let registered = self
            .poll
            .register(source, Token(token), Ready::READABLE, level);
        registered.map(|()| true)
    }

    fn waker(&mut self, token: usize) -> io::Result<Waker> {
        Waker::new(&self.poll, Token(token))
    }

    fn wake(waker: &Waker) -> io::Result<()> {
        waker.wake()
    }

    fn poll(&mut self, mut handle: impl FnMut(usize)) -> io::Result<()> {
        self.poll.poll(&mut self.events, None)?;
        for event in &self.events {
            handle(event.token().0);
        }
        Ok(())
    }
}
