//! epoll by its system calls, with the streams of std: what cannot be undercut.

use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use benches::EventLoop;

pub(crate) struct Raw {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
    wakers: Vec<Arc<OwnedFd>>,
}

/// Has `epoll` watch a descriptor.
pub(crate) fn add(epoll: RawFd, fd: RawFd, events: i32, token: usize) -> io::Result<()> {
    let mut event = libc::epoll_event {
        events: events.cast_unsigned(),
        u64: token as u64,
    };
    // SAFETY: the pointer is to an event that lives throughout the call.
    check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) }).map(drop)
}

/// Lets this process have as many descriptors as it may, rather than the usual 1,024.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a limit that may be written.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the pointer is to a limit that may be read.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }).map(drop)
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

impl EventLoop for Raw {
    const NAME: &'static str = "raw";
    type Stream = TcpStream;
    type Source = Arc<UdpSocket>;
    type Waker = Arc<OwnedFd>;

    fn new(capacity: usize) -> io::Result<Raw> {
        // SAFETY: the call takes no pointer.
        let epoll = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor has just been made, nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        Ok(Raw {
            epoll,
            events: Vec::with_capacity(capacity),
            wakers: Vec::new(),
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
        let both = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        add(self.epoll.as_raw_fd(), stream.as_raw_fd(), both, token)
    }

    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let (epoll, fd) = (self.epoll.as_raw_fd(), stream.as_raw_fd());
        let no_event = std::ptr::null_mut();
        // SAFETY: for EPOLL_CTL_DEL the system reads no event.
        check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, fd, no_event) }).map(drop)
    }

    fn register_level(&mut self, source: &mut Arc<UdpSocket>, token: usize) -> io::Result<bool> {
        let epoll = self.epoll.as_raw_fd();
        add(epoll, source.as_raw_fd(), libc::EPOLLIN, token).map(|()| true)
    }

    fn waker(&mut self, token: usize) -> io::Result<Arc<OwnedFd>> {
        // SAFETY: the call takes no pointer.
        let waker = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor has just been made, nobody else owns it.
        let waker = Arc::new(unsafe { OwnedFd::from_raw_fd(waker) });
        // An edge at every write: nothing needs to be read.
        let edge = libc::EPOLLIN | libc::EPOLLET;
        add(self.epoll.as_raw_fd(), waker.as_raw_fd(), edge, token)?;
        self.wakers.push(Arc::clone(&waker));
        Ok(waker)
    }

    fn wake(waker: &Arc<OwnedFd>) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the pointer is to as many bytes as are said.
        let written = unsafe { libc::write(waker.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        if written < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn poll(&mut self, mut handle: impl FnMut(usize)) -> io::Result<()> {
        let room = self.events.capacity() as i32;
        let events = self.events.as_mut_ptr();
        // SAFETY: the vector has room for so many events, and is not touched meanwhile.
        let count = check(unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events, room, -1) })?;
        // SAFETY: the system has filled in so many.
        unsafe { self.events.set_len(count as usize) };
        for event in &self.events {
            handle(event.u64 as usize);
        }
        self.events.clear();
        Ok(())
    }
}
