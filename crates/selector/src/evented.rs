//! What can be registered.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use token_ready::{PollOpt, Ready, Token};

use crate::Poll;

/// A source of readiness, which can be registered with a [`Poll`].
///
/// Call [`Poll::register`] and its siblings rather than these methods. Implement the trait by
/// handing each call on to an [`IoSource`](crate::IoSource), a
/// [`Registration`](crate::Registration) or a descriptor that the type holds.
///
/// # Examples
///
/// ```
/// use readywire::{Evented, IoSource, Poll, PollOpt, Ready, Token};
/// use std::io;
///
/// struct Device {
///     io: IoSource<std::net::TcpStream>,
/// }
///
/// impl Evented for Device {
///     fn register(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt) -> io::Result<()> {
///         self.io.register(poll, token, interest, opts)
///     }
///
///     fn reregister(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt) -> io::Result<()> {
///         self.io.reregister(poll, token, interest, opts)
///     }
///
///     fn rearm(&self, poll: &Poll) -> io::Result<()> {
///         self.io.rearm(poll)
///     }
///
///     fn deregister(&self, poll: &Poll) -> io::Result<()> {
///         self.io.deregister(poll)
///     }
/// }
/// ```
///
/// A socket of the standard library is none by itself:
///
/// ```compile_fail,E0277
/// use readywire::{Poll, PollOpt, Ready, Token};
///
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// Poll::new()?.register(&socket, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be registered with a `Poll`",
    label = "not a source of readiness",
    note = "make a socket or a pipe of the standard library one of readywire: `TcpStream::from_std(stream)?`",
    note = "wrap anything else that has a descriptor: `IoSource::new(io)`, for one that is non-blocking already",
    note = "implement `Evented` for a type of your own by handing each call on to a source in it"
)]
pub trait Evented {
    /// Registers the source with `poll`.
    ///
    /// # Errors
    /// `AlreadyExists` if the source is registered already, here or elsewhere; `InvalidInput` if
    /// the options contradict each other; otherwise any error from `epoll_ctl(2)` or the like.
    fn register(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt)
    -> io::Result<()>;

    /// Replaces token, interest and options of the source's registration with `poll`; its event in a
    /// batch survives, see [`Poll::reregister`].
    ///
    /// # Errors
    /// `NotFound` if the source is not registered with `poll`; `InvalidInput` if the options
    /// contradict each other; otherwise any error from `epoll_ctl(2)` or the like, and the registration is as it was.
    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>;

    /// Arms the source's registration with `poll` again, with the token, interest and options it has; see
    /// [`Poll::rearm`].
    ///
    /// Implement it like the other methods, by passing the call on. The default body is for sources that were written
    /// for mio 0.6, whose trait does not have this method.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered with `poll`; otherwise any error from `epoll_ctl(2)` or the like, and
    /// the registration is as it was. The default body fails with `Unsupported`.
    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        let _unknown = poll;
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this source does not implement Evented::rearm: use reregister",
        ))
    }

    /// Ends the source's registration with `poll`.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered with `poll`; otherwise any error from `epoll_ctl(2)` or the like.
    fn deregister(&self, poll: &Poll) -> io::Result<()>;
}

/// Implements `Evented` for pointers to a source, by the source itself.
macro_rules! by_pointee {
    ($($pointer:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: Evented + ?Sized> Evented for $pointer {
            #[inline]
            fn register(
                &self,
                poll: &Poll,
                token: Token,
                interest: Ready,
                opts: PollOpt,
            ) -> io::Result<()> {
                (**self).register(poll, token, interest, opts)
            }

            #[inline]
            fn reregister(
                &self,
                poll: &Poll,
                token: Token,
                interest: Ready,
                opts: PollOpt,
            ) -> io::Result<()> {
                (**self).reregister(poll, token, interest, opts)
            }

            #[inline]
            fn rearm(&self, poll: &Poll) -> io::Result<()> {
                (**self).rearm(poll)
            }

            #[inline]
            fn deregister(&self, poll: &Poll) -> io::Result<()> {
                (**self).deregister(poll)
            }
        }
    )*};
}

by_pointee!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);
