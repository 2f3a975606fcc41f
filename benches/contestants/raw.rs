//! epoll by its system calls, with the streams of std: what cannot be undercut.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use benches::{Event, EventLoop};

const BOTH: i32 = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;

pub(crate) struct Raw {
    epoll: Arc<OwnedFd>,
    events: Vec<libc::epoll_event>,
    wakers: Vec<Arc<OwnedFd>>,
}

/// Has `epoll` watch a descriptor.
pub(crate) fn add(epoll: RawFd, fd: RawFd, events: i32, token: usize) -> io::Result<()> {
    control(epoll, libc::EPOLL_CTL_ADD, fd, events, token)
}

/// Has `epoll` no longer watch a descriptor.
fn delete(epoll: RawFd, fd: RawFd) -> io::Result<()> {
    control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0)
}

fn control(epoll: RawFd, operation: i32, fd: RawFd, events: i32, token: usize) -> io::Result<()> {
    let mut event = libc::epoll_event {
        events: events.cast_unsigned(),
        u64: token as u64,
    };
    // SAFETY: the pointer is to an event that lives throughout the call.
    check(unsafe { libc::epoll_ctl(epoll, operation, fd, &raw mut event) }).map(drop)
}

/// Lets this process have as many descriptors as the system allows; returns how many that are.
#[allow(
    clippy::useless_conversion,
    reason = "the system's number is narrower on 32 bits"
)]
pub(crate) fn raise_descriptor_limit() -> io::Result<u64> {
    let most = std::fs::read_to_string("/proc/sys/fs/nr_open")?;
    let most: libc::rlim_t = most.trim().parse().map_err(io::Error::other)?;
    let unlimited = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: the pointer is to a limit that may be read.
    if check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const unlimited) }).is_ok() {
        return Ok(most.into());
    }
    // Only the superuser may have more than was given to this process.
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a limit that may be written.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the pointer is to a limit that may be read.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(limit.rlim_cur.into())
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
    type Listener = TcpListener;
    type Source = Arc<UdpSocket>;
    type Waker = Arc<OwnedFd>;
    type Registrar = Arc<OwnedFd>;

    fn new(capacity: usize) -> io::Result<Raw> {
        // SAFETY: the call takes no pointer.
        let epoll = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the descriptor has just been made, nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        Ok(Raw {
            epoll: Arc::new(epoll),
            events: Vec::with_capacity(capacity),
            wakers: Vec::new(),
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
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let (address, length) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: both pointers are null: the address is not asked for.
        let accepted = unsafe { libc::accept4(listener.as_raw_fd(), address, length, flags) };
        let accepted = check(accepted)?;
        // SAFETY: the descriptor has just been made, nobody else owns it.
        let accepted = unsafe { OwnedFd::from_raw_fd(accepted) };
        Ok(accepted.into())
    }

    fn register_listener(&mut self, listener: &mut TcpListener, token: usize) -> io::Result<()> {
        let edge = libc::EPOLLIN | libc::EPOLLET;
        add(self.epoll.as_raw_fd(), listener.as_raw_fd(), edge, token)
    }

    fn source(socket: Arc<UdpSocket>) -> Arc<UdpSocket> {
        socket
    }

    #[inline(always)]
    fn register(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        add(self.epoll.as_raw_fd(), stream.as_raw_fd(), BOTH, token)
    }

    #[inline(always)]
    fn reregister(&mut self, stream: &mut TcpStream, token: usize) -> io::Result<()> {
        let (epoll, fd) = (self.epoll.as_raw_fd(), stream.as_raw_fd());
        control(epoll, libc::EPOLL_CTL_MOD, fd, BOTH, token)
    }

    #[inline(always)]
    fn deregister(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        delete(self.epoll.as_raw_fd(), stream.as_raw_fd())
    }

    fn registrar(&mut self) -> io::Result<Arc<OwnedFd>> {
        Ok(Arc::clone(&self.epoll))
    }

    #[inline(always)]
    fn register_from(
        registrar: &Arc<OwnedFd>,
        stream: &mut TcpStream,
        token: usize,
    ) -> io::Result<()> {
        add(registrar.as_raw_fd(), stream.as_raw_fd(), BOTH, token)
    }

    #[inline(always)]
    fn deregister_from(registrar: &Arc<OwnedFd>, stream: &mut TcpStream) -> io::Result<()> {
        delete(registrar.as_raw_fd(), stream.as_raw_fd())
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

    #[inline(always)]
    fn wake(waker: &Arc<OwnedFd>) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the pointer is to as many bytes as are said.
        let written = unsafe { libc::write(waker.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        if written < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    #[inline(always)]
    fn poll(&mut self, timeout: Option<Duration>, mut handle: impl FnMut(Event)) -> io::Result<()> {
        let epoll = self.epoll.as_raw_fd();
        let room = self.events.capacity() as i32;
        let events = self.events.as_mut_ptr();
        let count = match timeout {
            // SAFETY: the vector has room for so many events, and is not touched meanwhile.
            None => check(unsafe { libc::epoll_wait(epoll, events, room, -1) })?,
            Some(wait) => {
                let timeout = Timespec {
                    seconds: wait.as_secs() as i64,
                    nanoseconds: i64::from(wait.subsec_nanos()),
                };
                // SAFETY: as above; the timeout is of the kernel's layout and outlives the call;
                // without a signal mask its size is not looked at.
                let count = unsafe {
                    libc::syscall(
                        libc::SYS_epoll_pwait2,
                        epoll,
                        events,
                        room,
                        &raw const timeout,
                        ptr::null::<libc::sigset_t>(),
                        0usize,
                    )
                };
                match check(count as i32) {
                    // An older kernel, or a tool that knows none newer.
                    Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                        let milliseconds = wait.as_nanos().div_ceil(1_000_000) as i32;
                        // SAFETY: as above.
                        check(unsafe { libc::epoll_wait(epoll, events, room, milliseconds) })?
                    }
                    count => count?,
                }
            }
        };
        // SAFETY: the system has filled in so many.
        unsafe { self.events.set_len(count as usize) };
        for event in &self.events {
            let flags = event.events.cast_signed();
            let either = libc::EPOLLHUP | libc::EPOLLERR;
            handle(Event {
                token: event.u64 as usize,
                readable: flags & (libc::EPOLLIN | either) != 0,
                writable: flags & (libc::EPOLLOUT | either) != 0,
            });
        }
        self.events.clear();
        Ok(())
    }
}

/// The kernel's own structure, whose fields are 64 bits wide on every architecture.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}
