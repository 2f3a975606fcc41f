//! polling 3, with the streams of std, as its users have them.

use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;

use benches::EventLoop;
use polling::{Event, Events, PollMode, Poller};

pub(crate) struct Polling {
    poller: Arc<Poller>,
    events: Events,
}

impl EventLoop for Polling {
    const NAME: &'static str = "polling";
    type Stream = TcpStream;
    type Source = Arc<UdpSocket>;
    type Waker = Arc<Poller>;

    fn new(capacity: usize) -> io::Result<Polling> {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Ok(Polling {
            poller: Arc::new(Poller::new()?),
            events: Events::with_capacity(capacity),
        })
    }

    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        super::connect(address)
    }

    fn adopt(stream: TcpStream) -> io::Result<TcpStream> {
        Ok(stream)
    }

    fn source(socket: Arc<UdpSocket>) -> Arc<UdpSocket> {
        socket
    }

    fn register(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        let (event, mode) = (Event::all(token), PollMode::Edge);
        // SAFETY: the benchmarks deregister a stream before they drop it, or drop both together
        // with nothing polled any more.
        unsafe { self.poller.add_with_mode(&*stream, event, mode) }
    }

    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.poller.delete(&*stream)
    }

    fn register_level(&mut self, source: &mut Arc<UdpSocket>, token: usize) -> io::Result<bool> {
        let (event, mode) = (Event::readable(token), PollMode::Level);
        // SAFETY: as in `register`.
        unsafe { self.poller.add_with_mode(&**source, event, mode) }.map(|()| true)
    }

    fn waker(&mut self, _token: usize) -> io::Result<Arc<Poller>> {
        Ok(Arc::clone(&self.poller))
    }

    fn wake(waker: &Arc<Poller>) -> io::Result<()> {
        waker.notify()
    }

    fn poll(&mut self, mut handle: impl FnMut(usize)) -> io::Result<()> {
        self.events.clear();
        self.poller.wait(&mut self.events, None)?;
        for event in self.events.iter() {
            handle(event.key);
        }
        Ok(())
    }
}
