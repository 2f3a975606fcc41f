//! What all sources of this crate share: how they are registered, and their trait impls.

use std::io;

use readywire::{Evented, PollOpt, Ready, RegistrationError};

use crate::{Interest, Registry, Token};

impl Registry {
    /// Registers what a source holds.
    pub(crate) fn begin(
        &self,
        source: &impl Evented,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        let result = self
            .poll
            .register(source, token, interests.ready(), PollOpt::EDGE);
        result.map_err(as_mio_reports)
    }

    pub(crate) fn change(
        &self,
        source: &impl Evented,
        token: Token,
        interests: Interest,
    ) -> io::Result<()> {
        let result = self
            .poll
            .reregister(source, token, interests.ready(), PollOpt::EDGE);
        result.map_err(as_mio_reports)
    }

    pub(crate) fn end(&self, source: &impl Evented) -> io::Result<()> {
        self.poll.deregister(source).map_err(as_mio_reports)
    }
}

/// Returns misuse as the error that mio has for it: on Unix the kernel's, which has a number.
fn as_mio_reports(error: io::Error) -> io::Error {
    const ENOENT: i32 = 2;
    const EEXIST: i32 = 17;

    if RegistrationError::from_io(&error).is_none() {
        return error;
    }
    match error.kind() {
        io::ErrorKind::AlreadyExists if cfg!(unix) => io::Error::from_raw_os_error(EEXIST),
        io::ErrorKind::NotFound if cfg!(unix) => io::Error::from_raw_os_error(ENOENT),
        _ => error,
    }
}

impl Interest {
    fn ready(self) -> Ready {
        [
            (self.is_readable(), Ready::READABLE),
            (self.is_writable(), Ready::WRITABLE),
            (self.is_priority(), Ready::PRIORITY),
        ]
        .into_iter()
        .filter_map(|(included, kind)| included.then_some(kind))
        .collect()
    }
}

/// `Source` for a type whose field `inner` is an `Evented`.
macro_rules! source {
    ($type:ty) => {
        impl $crate::event::Source for $type {
            fn register(
                &mut self,
                registry: &$crate::Registry,
                token: $crate::Token,
                interests: $crate::Interest,
            ) -> ::std::io::Result<()> {
                registry.begin(&self.inner, token, interests)
            }

            fn reregister(
                &mut self,
                registry: &$crate::Registry,
                token: $crate::Token,
                interests: $crate::Interest,
            ) -> ::std::io::Result<()> {
                registry.change(&self.inner, token, interests)
            }

            fn deregister(&mut self, registry: &$crate::Registry) -> ::std::io::Result<()> {
                registry.end(&self.inner)
            }
        }
    };
}

/// Conversions between a type, whose field `inner` is a readywire socket or pipe, and descriptors.
#[cfg(unix)]
macro_rules! descriptor {
    ($type:ident) => {
        impl ::std::os::fd::AsFd for $type {
            fn as_fd(&self) -> ::std::os::fd::BorrowedFd<'_> {
                self.inner.as_fd()
            }
        }

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
                $type::from(unsafe { ::std::os::fd::OwnedFd::from_raw_fd(fd) })
            }
        }

        impl From<$type> for ::std::os::fd::OwnedFd {
            fn from(source: $type) -> ::std::os::fd::OwnedFd {
                source.inner.into()
            }
        }

        /// The descriptor must be non-blocking already.
        impl From<::std::os::fd::OwnedFd> for $type {
            fn from(fd: ::std::os::fd::OwnedFd) -> $type {
                $type { inner: fd.into() }
            }
        }
    };
}

/// Conversions between a socket type and those of the system and of the standard library.
#[cfg(feature = "net")]
macro_rules! socket {
    ($type:ident, $std:ty) => {
        source!($type);

        #[cfg(unix)]
        descriptor!($type);

        #[cfg(windows)]
        const _: () = {
            use std::os::windows::io::{
                AsRawSocket, AsSocket, BorrowedSocket, FromRawSocket, IntoRawSocket, OwnedSocket,
                RawSocket,
            };

            impl AsSocket for $type {
                fn as_socket(&self) -> BorrowedSocket<'_> {
                    self.inner.as_socket()
                }
            }

            impl AsRawSocket for $type {
                fn as_raw_socket(&self) -> RawSocket {
                    self.inner.as_raw_socket()
                }
            }

            impl IntoRawSocket for $type {
                fn into_raw_socket(self) -> RawSocket {
                    self.inner.into_raw_socket()
                }
            }

            impl FromRawSocket for $type {
                /// Takes over a socket, which must be non-blocking already.
                ///
                /// # Safety
                /// The socket must be open, owned by nothing else, and of the right kind.
                unsafe fn from_raw_socket(socket: RawSocket) -> $type {
                    // SAFETY: the caller guarantees that the socket is open and owned by nothing else.
                    $type::from(unsafe { OwnedSocket::from_raw_socket(socket) })
                }
            }

            impl From<$type> for OwnedSocket {
                fn from(socket: $type) -> OwnedSocket {
                    socket.inner.into()
                }
            }

            /// The socket must be non-blocking already.
            impl From<OwnedSocket> for $type {
                fn from(socket: OwnedSocket) -> $type {
                    $type {
                        inner: socket.into(),
                    }
                }
            }
        };

        impl From<$type> for $std {
            fn from(socket: $type) -> $std {
                socket.inner.into()
            }
        }

        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}

/// `Read` for a type and for references to it.
///
/// readywire returns at once where there is no room in the buffers. mio asks the system: `read(2)` may have an
/// error to report then, `readv(2)` has none.
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

            fn read_vectored(
                &mut self,
                bufs: &mut [::std::io::IoSliceMut<'_>],
            ) -> ::std::io::Result<usize> {
                (&self.inner).read_vectored(bufs)
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

            fn write_vectored(&mut self, bufs: &[::std::io::IoSlice<'_>]) -> ::std::io::Result<usize> {
                (&self.inner).write_vectored(bufs)
            }

            fn flush(&mut self) -> ::std::io::Result<()> {
                Ok(())
            }
        }
    };
}
