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
///     fn deregister(&self, poll: &Poll) -> io::Result<()> {
///         self.io.deregister(poll)
///     }
/// }
/// ```
pub trait Evented {
    /// Registers the source with `poll`.
    ///
    /// # Errors
    /// `AlreadyExists` if the source is registered already, here or elsewhere; `InvalidInput` if
    /// the options contradict each other; otherwise what the system says.
    fn register(&self, poll: &Poll, token: Token, interest: Ready, opts: PollOpt)
    -> io::Result<()>;

    /// Replaces token, interest and options of the source's registration with `poll`; its event in a
    /// batch survives, see [`Poll::reregister`].
    ///
    /// # Errors
    /// `NotFound` if the source is not registered with `poll`; `InvalidInput` if the options
    /// contradict each other; otherwise what the system says, and the registration is as it was.
    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()>;

    /// Ends the source's registration with `poll`.
    ///
    /// # Errors
    /// `NotFound` if the source is not registered with `poll`; otherwise what the system says.
    fn deregister(&self, poll: &Poll) -> io::Result<()>;
}

/// Implements `Evented` for pointers to a source, by the source itself.
macro_rules! by_pointee {
    ($($pointer:ty),*) => {$(
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
            fn deregister(&self, poll: &Poll) -> io::Result<()> {
                (**self).deregister(poll)
            }
        }
    )*};
}

by_pointee!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);
