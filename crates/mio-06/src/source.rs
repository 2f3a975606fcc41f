//! What all sockets of this crate share: how they are registered, and their trait impls.

use std::io;
use std::sync::OnceLock;

use readywire::PollId;

use crate::Poll;

/// The first `Poll` that a socket was registered with, and the only one that mio lets it be registered
/// with, even after it was deregistered.
#[derive(Clone, Default)]
pub(crate) struct Home(OnceLock<PollId>);

impl Home {
    /// Makes `poll` the one, if there is none.
    pub(crate) fn claim(&self, poll: &Poll) -> io::Result<()> {
        let id = poll.inner.id();
        if *self.0.get_or_init(|| id) != id {
            return Err(another_poll());
        }
        Ok(())
    }
}

/// Returns the error for a source that belongs to another `Poll`.
pub(crate) fn another_poll() -> io::Error {
    io::Error::other("the source belongs to another Poll")
}

/// The methods of `Evented` by those of another source.
macro_rules! by_inner {
    (|$source:ident| $inner:expr) => {
        fn register(
            &self,
            poll: &$crate::Poll,
            token: $crate::Token,
            interest: $crate::Ready,
            opts: $crate::PollOpt,
        ) -> ::std::io::Result<()> {
            let $source = self;
            ($inner).register(poll, token, interest, opts)
        }

        fn reregister(
            &self,
            poll: &$crate::Poll,
            token: $crate::Token,
            interest: $crate::Ready,
            opts: $crate::PollOpt,
        ) -> ::std::io::Result<()> {
            let $source = self;
            ($inner).reregister(poll, token, interest, opts)
        }

        fn deregister(&self, poll: &$crate::Poll) -> ::std::io::Result<()> {
            let $source = self;
            ($inner).deregister(poll)
        }
    };
}

/// `Evented` for a type whose field `inner` is a source of readywire, with an expression that may refuse a
/// `Poll`.
macro_rules! source {
    ($type:ty) => {
        source!($type, |_source, _poll| {});
    };
    ($type:ty, |$source:ident, $poll:ident| $check:expr) => {
        impl $crate::event::Evented for $type {
            fn register(
                &self,
                $poll: &$crate::Poll,
                token: $crate::Token,
                interest: $crate::Ready,
                opts: $crate::PollOpt,
            ) -> ::std::io::Result<()> {
                let $source = self;
                $check;
                $poll.begin(&self.inner, token, interest, opts)
            }

            fn reregister(
                &self,
                poll: &$crate::Poll,
                token: $crate::Token,
                interest: $crate::Ready,
                opts: $crate::PollOpt,
            ) -> ::std::io::Result<()> {
                poll.change(&self.inner, token, interest, opts)
            }

            fn deregister(&self, poll: &$crate::Poll) -> ::std::io::Result<()> {
                poll.end(&self.inner)
            }
        }
    };
}

/// The traits of a socket type with the fields `inner` and `home`.
macro_rules! socket {
    ($type:ident) => {
        source!($type, |socket, poll| socket.home.claim(poll)?);

        impl $type {
            fn new(inner: ::readywire::net::$type) -> $type {
                $type {
                    inner,
                    home: $crate::source::Home::default(),
                }
            }
        }

        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.inner.fmt(f)
            }
        }

        #[cfg(unix)]
        descriptor!($type, |inner| $type::new(inner));
    };
}

/// Conversions between a type, whose field `inner` is a socket or a pipe of readywire, and raw descriptors.
#[cfg(unix)]
macro_rules! descriptor {
    ($type:ident) => {
        descriptor!($type, |inner| $type { inner });
    };
    ($type:ident, |$inner:ident| $made:expr) => {
        impl ::std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> ::std::os::fd::RawFd {
                self.inner.as_raw_fd()
            }
        }

        impl ::std::os::fd::IntoRawFd for $type {
            fn into_raw_fd(self) -> ::std::os::fd::RawFd {
                self.inner.into_raw_fd()
            }
        }

        impl ::std::os::fd::FromRawFd for $type {
            /// Takes over a descriptor, which must be non-blocking already.
            ///
            /// # Safety
            /// The descriptor must be open, owned by nothing else, and of the right kind.
            unsafe fn from_raw_fd(fd: ::std::os::fd::RawFd) -> $type {
                // SAFETY: the caller guarantees that the descriptor is open and owned by nothing else.
                let fd = unsafe { ::std::os::fd::OwnedFd::from_raw_fd(fd) };
                let $inner = fd.into();
                $made
            }
        }
    };
}

/// `Read` for a type and for references to it.
///
/// readywire returns at once where there is no room in the buffer, mio asks the system, which may have
/// an error to report.
macro_rules! reader {
    ($type:ty) => {
        reader!(impl $type);
        reader!(impl &$type);
    };
    (impl $type:ty) => {
        impl ::std::io::Read for $type {
            fn read(&mut self, buf: &mut [u8]) -> ::std::io::Result<usize> {
                if buf.is_empty() {
                    let readable = ::readywire::Ready::READABLE;
                    return self.inner.try_io(readable, |mut io| io.read(buf));
                }
                (&self.inner).read(buf)
            }
        }
    };
}

/// `Write` for a type and for references to it. An empty write asks the system, as in `read`.
macro_rules! writer {
    ($type:ty) => {
        writer!(impl $type);
        writer!(impl &$type);
    };
    (impl $type:ty) => {
        impl ::std::io::Write for $type {
            fn write(&mut self, buf: &[u8]) -> ::std::io::Result<usize> {
                if buf.is_empty() {
                    let writable = ::readywire::Ready::WRITABLE;
                    return self.inner.try_io(writable, |mut io| io.write(buf));
                }
                (&self.inner).write(buf)
            }

            fn flush(&mut self) -> ::std::io::Result<()> {
                Ok(())
            }
        }
    };
}
