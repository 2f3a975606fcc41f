//! Descriptors that somebody else owns.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use token_ready::{PollOpt, Ready, Token};

use super::fd::check;
use crate::{Evented, Poll};

/// A raw file descriptor as a source, whoever owns it.
///
/// The wrapper itself holds nothing: it is the descriptor's number that is registered, so that
/// another `EventedFd` of the same number can reregister or deregister it. Nor can it know of other
/// `Poll`s: registered with several, the descriptor is reported by each. For a descriptor that is
/// borrowed safely, `BorrowedFd` is a source as well. The descriptor should be non-blocking.
///
/// It takes any number, and needs no `unsafe`: the program must know whose descriptor it is, and that it stays open.
/// Prefer an [`IoSource`](crate::IoSource), which owns what it registers. What can happen otherwise, and what cannot,
/// is in the chapter on I/O safety of readywire's guide.
///
/// Deregister it before it is closed. A descriptor that is closed without goes unnoticed: as long
/// as a duplicate of it is open somewhere, its events go on; and if its number is used again, events
/// may come under the old token until the new descriptor is registered, which replaces the old
/// registration.
///
/// # Errors
/// Registering fails with `EBADF` for a number that is no open descriptor, or one that the system
/// cannot watch, such as a descriptor opened with `O_PATH`.
///
/// # Platform-specific behaviour
/// Regular files and directories are always ready. epoll refuses them, and devices such as
/// `/dev/null`, with [`RegistrationError::AlwaysReady`](crate::RegistrationError::AlwaysReady).
/// `Backend::Poll` reports them as readable and writable at every poll. kqueue reports a regular file
/// as readable until its end is reached.
///
/// With `Backend::Poll` an edge is reported as a level would be, since the `Poll` does not learn when
/// the descriptor is drained. With an [`IoSource`](crate::IoSource) it does. Nor can that backend tell
/// that a number was closed and used again if both descriptors are of one file, or of none (an eventfd,
/// a timerfd): registering the new one is `AlreadyExists` there. kqueue cannot tell it when the number is
/// reregistered: the new descriptor takes over the registration.
///
/// # Examples
/// ```
/// use readywire::unix::EventedFd;
/// use readywire::{Events, Poll, PollOpt, Ready, Token};
/// use std::io::Write;
/// use std::os::fd::{AsFd, AsRawFd};
/// use std::os::unix::net::UnixStream;
///
/// let (reader, mut writer) = UnixStream::pair()?;
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// poll.register(&EventedFd(&reader.as_raw_fd()), Token(0), Ready::READABLE, PollOpt::LEVEL)?;
///
/// writer.write_all(b"x")?;
/// poll.poll(&mut events, None)?;
/// assert!(events.iter().any(|event| event.token() == Token(0) && event.is_readable()));
///
/// // The same by a safe borrow.
/// poll.deregister(&reader.as_fd())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EventedFd<'a>(pub &'a RawFd);

impl Evented for EventedFd<'_> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let poll = &poll.inner;
        if !poll.has_slot(*self.0) {
            // Make no room for a number that is no descriptor's: it could be any.
            // SAFETY: asks for the flags of a number, open or not; touches no memory of ours.
            check(unsafe { libc::fcntl(*self.0, libc::F_GETFD) })?;
        }
        poll.register(*self.0, token, interest, opts, false, None)
            .map(drop)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let poll = &poll.inner;
        let index = poll.borrowed(*self.0)?;
        poll.reregister(*self.0, index, None, token, interest, opts)
    }

    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        let index = poll.inner.borrowed(*self.0)?;
        poll.inner.rearm(*self.0, index, None)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        let index = poll.inner.borrowed(*self.0)?;
        poll.inner.deregister(*self.0, index, None)
    }
}

/// A borrowed descriptor is a source in the way an [`EventedFd`] is.
impl Evented for BorrowedFd<'_> {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        EventedFd(&self.as_raw_fd()).register(poll, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        EventedFd(&self.as_raw_fd()).reregister(poll, token, interest, opts)
    }

    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        EventedFd(&self.as_raw_fd()).rearm(poll)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        EventedFd(&self.as_raw_fd()).deregister(poll)
    }
}
