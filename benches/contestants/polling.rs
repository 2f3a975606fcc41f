//! polling 3, with the streams of std, as its users have them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use benches::{Event, EventLoop};
use polling::{Event as Interest, Events, PollMode, Poller};

pub(crate) struct Polling {
    poller: Arc<Poller>,
    events: Events,
}

impl EventLoop for Polling {
    const NAME: &'static str = "polling";
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Source = Arc<UdpSocket>;
    type Waker = Arc<Poller>;
    type Registrar = Arc<Poller>;

    fn new(capacity: usize) -> io::Result<Polling> {
        let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
        Ok(Polling {
            poller: Arc::new(Poller::new()?),
            events: Events::with_capacity(capacity),
        })
    }

    #[inline(always)]
    fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        super::connect(address)
    }

    fn adopt(stream: TcpStream) -> io::Result<TcpStream> {
        Ok(stream)
    }

    fn listen(listener: TcpListener) -> io::Result<TcpListener> {
        Ok(listener)
    }

    #[inline(always)]
    fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    fn register_listener(&mut self, listener: &mut TcpListener, token: usize) -> io::Result<()> {
        let (interest, mode) = (Interest::readable(token), PollMode::Edge);
        // SAFETY: as in `register_from`.
        unsafe { self.poller.add_with_mode(&*listener, interest, mode) }
    }

    fn source(socket: Arc<UdpSocket>) -> Arc<UdpSocket> {
        socket
    }

    #[inline(always)]
    fn register(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        Polling::register_from(&self.poller, stream, token)
    }

    #[inline(always)]
    fn reregister(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        self.poller
            .modify_with_mode(&*stream, Interest::all(token), PollMode::Edge)
    }

    #[inline(always)]
    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.poller.delete(&*stream)
    }

    fn registrar(&mut self) -> io::Result<Arc<Poller>> {
        Ok(Arc::clone(&self.poller))
    }

    #[inline(always)]
    fn register_from(
        registrar: &Arc<Poller>,
        stream: &mut TcpStream,
        token: usize,
    ) -> io::Result<()> {
        let (interest, mode) = (Interest::all(token), PollMode::Edge);
        // SAFETY: the benchmarks deregister a stream before they drop it, or drop both together
        // with nothing polled any more.
        unsafe { registrar.add_with_mode(&*stream, interest, mode) }
    }

    #[inline(always)]
    fn deregister_from(registrar: &Arc<Poller>, stream: &mut TcpStream) -> io::Result<()> {
        registrar.delete(&*stream)
    }

    fn register_level(&mut self, source: &mut Arc<UdpSocket>, token: usize) -> io::Result<bool> {
        let (interest, mode) = (Interest::readable(token), PollMode::Level);
        // SAFETY: as in `register_from`.
        unsafe { self.poller.add_with_mode(&**source, interest, mode) }.map(|()| true)
    }

    fn waker(&mut self, _token: usize) -> io::Result<Arc<Poller>> {
        Ok(Arc::clone(&self.poller))
    }

    #[inline(always)]
    fn wake(waker: &Arc<Poller>) -> io::Result<()> {
        waker.notify()
    }

    #[inline(always)]
    fn poll(&mut self, timeout: Option<Duration>, mut handle: impl FnMut(Event)) -> io::Result<()> {
        self.events.clear();
        self.poller.wait(&mut self.events, timeout)?;
        for event in self.events.iter() {
            handle(Event {
                token: event.key,
                readable: event.readable,
                writable: event.writable,
            });
        }
        Ok(())
    }
}
