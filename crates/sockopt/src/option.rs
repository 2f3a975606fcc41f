//! What an option is: its number, its range, and how its value travels.
//!
//! No option is defined here (see `os`), and no system is named here.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::OptionError;
use crate::os::{AsSock, Sock, borrow};

/// The name and the numbers that the system has for an option.
#[derive(Clone, Copy)]
pub(crate) struct Id {
    pub(crate) level: i32,
    pub(crate) number: i32,
    pub(crate) text: &'static str,
}

/// Everything about an option but the type of its value.
pub(crate) struct Info {
    pub(crate) id: Id,
    min: u64,
    max: u64,
    unit: &'static str,
}

impl Info {
    /// Fails for a value outside the range, before any system call.
    #[inline]
    pub(crate) fn check(&self, value: u64) -> io::Result<()> {
        if (self.min..=self.max).contains(&value) {
            return Ok(());
        }
        Err(self.out_of_range(value))
    }

    #[cold]
    fn out_of_range(&self, value: u64) -> io::Error {
        OptionError::OutOfRange {
            option: self.id.text,
            value,
            min: self.min,
            max: self.max,
            unit: self.unit,
        }
        .into()
    }
}

/// The type of an option's value.
///
/// Implemented for the types of this crate's constants; it cannot be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use readywire::sockopt;
///
/// # fn main() -> std::io::Result<()> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// // What is read as an owned value may be set from a borrowed one.
/// # #[cfg(all(target_os = "linux", not(qemu)))] {
/// let name: String = sockopt::CONGESTION.get(&listener)?;
/// sockopt::CONGESTION.set(&listener, &name)?;
/// # }
/// # Ok(())
/// # }
/// ```
pub trait Value: Sized + sealed::Show {
    /// What [`set`](ReadWrite::set) takes: the type itself, or its borrowed form.
    type Arg<'a>;

    #[doc(hidden)]
    fn from_arg(arg: Self::Arg<'_>) -> Self;
}

/// An option that can be read: [`ReadWrite`] or [`ReadOnly`].
///
/// It is for types that hold a socket and have a `get` for any option, as readywire's sockets do. It cannot
/// be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use readywire::sockopt::{self, GetOption};
/// use std::io;
///
/// struct Connection(std::net::TcpStream);
///
/// impl Connection {
///     fn get<O: GetOption>(&self, option: O) -> io::Result<O::Value> {
///         option.get(&self.0)
///     }
/// }
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// assert!(!Connection(stream).get(sockopt::NODELAY)?);
/// # Ok::<(), io::Error>(())
/// ```
pub trait GetOption: sealed::Sealed {
    /// What [`get`](GetOption::get) returns.
    type Value;

    /// Reads the option of `socket`: `getsockopt(2)`.
    ///
    /// # Errors
    ///
    /// `Unsupported` with [`OptionError::Unknown`] inside, and without an error code, for an option that the system
    /// does not know; otherwise any error from `getsockopt(2)`.
    fn get(&self, socket: &(impl AsSock + ?Sized)) -> io::Result<Self::Value>;
}

/// An option that can be set: [`ReadWrite`] or [`WriteOnly`].
///
/// It is for types that hold a socket and have a `set` for any option, as readywire's sockets do. It cannot
/// be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use readywire::sockopt::{self, SetOption};
/// use std::io;
///
/// struct Connection(std::net::TcpStream);
///
/// impl Connection {
///     fn set<O: SetOption>(&self, option: O, value: O::Value<'_>) -> io::Result<()> {
///         option.set(&self.0, value)
///     }
/// }
///
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// Connection(stream).set(sockopt::NODELAY, true)?;
/// # Ok::<(), io::Error>(())
/// ```
pub trait SetOption: sealed::Sealed {
    /// What [`set`](SetOption::set) takes: a borrowed form where there is one, such as `&str`.
    type Value<'a>;

    /// Sets the option of `socket`: `setsockopt(2)`. A call that fails changes nothing.
    ///
    /// # Errors
    ///
    /// With an [`OptionError`] inside, and without an error code: `InvalidInput` for a value outside the option's
    /// range, `Unsupported` for an option that the system does not know. Otherwise any error from `setsockopt(2)`.
    fn set(&self, socket: &(impl AsSock + ?Sized), value: Self::Value<'_>) -> io::Result<()>;
}

pub(crate) mod sealed {
    /// Keeps the traits of options to this crate, so that they can grow.
    pub trait Sealed {}

    /// How the table prints a value.
    pub trait Show {
        fn show(&self) -> String;
    }
}

/// Values that are set from themselves and print as they debug.
macro_rules! plain_values {
    ($($value:ty),+ $(,)?) => {$(
        impl $crate::option::Value for $value {
            type Arg<'a> = $value;

            #[inline]
            fn from_arg(arg: $value) -> $value {
                arg
            }
        }

        impl $crate::option::sealed::Show for $value {
            fn show(&self) -> String {
                format!("{self:?}")
            }
        }
    )+};
}

pub(crate) use plain_values;

plain_values!(bool, u32, usize, Duration, Option<u32>, Option<Duration>);

impl Value for String {
    type Arg<'a> = &'a str;

    fn from_arg(arg: &str) -> Self {
        arg.to_owned()
    }
}

impl sealed::Show for String {
    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for Option<String> {
    type Arg<'a> = Option<&'a str>;

    fn from_arg(arg: Option<&str>) -> Self {
        arg.map(str::to_owned)
    }
}

impl sealed::Show for Option<String> {
    fn show(&self) -> String {
        format!("{self:?}")
    }
}

pub(crate) type Getter<T> = fn(&Info, Sock<'_>) -> io::Result<T>;
// Not of `Arg<'_>`: the compiler does not see through it in the type of a function pointer.
pub(crate) type Setter<T> = fn(&Info, Sock<'_>, T) -> io::Result<()>;

/// An option that can be read and set.
///
/// # Examples
///
/// ```
/// use readywire::sockopt;
///
/// # fn main() -> std::io::Result<()> {
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// sockopt::BROADCAST.set(&socket, true)?;
/// assert!(sockopt::BROADCAST.get(&socket)?);
/// # Ok(())
/// # }
/// ```
pub struct ReadWrite<T: Value> {
    info: Info,
    get: Getter<T>,
    set: Setter<T>,
}

/// An option that can only be read.
///
/// # Examples
///
/// ```
/// use readywire::sockopt;
///
/// # fn main() -> std::io::Result<()> {
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// assert_eq!(sockopt::TYPE.get(&socket)?, socket2::Type::DGRAM);
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail
/// use readywire::sockopt;
///
/// # let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
/// sockopt::TYPE.set(&socket, socket2::Type::DGRAM);
/// ```
pub struct ReadOnly<T: Value> {
    info: Info,
    get: Getter<T>,
}

/// An option that can only be set.
///
/// # Examples
///
/// ```
/// use readywire::sockopt;
///
/// # fn main() -> std::io::Result<()> {
/// # let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// # #[cfg(target_os = "linux")]
/// if let Err(error) = sockopt::SEND_BUFFER_SIZE_FORCED.set(&socket, 1 << 20) {
///     assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
/// }
/// # Ok(())
/// # }
/// ```
pub struct WriteOnly<T: Value> {
    info: Info,
    set: Setter<T>,
}

impl<T: Value> ReadWrite<T> {
    /// An option whose value has no range to check.
    pub(crate) const fn new(id: Id, get: Getter<T>, set: Setter<T>) -> Self {
        Self::ranged(id, 0..=u64::MAX, "", get, set)
    }

    pub(crate) const fn ranged(
        id: Id,
        range: RangeInclusive<u64>,
        unit: &'static str,
        get: Getter<T>,
        set: Setter<T>,
    ) -> Self {
        let (min, max) = (*range.start(), *range.end());
        let info = Info { id, min, max, unit };
        Self { info, get, set }
    }

    /// Reads the option of `socket`: `getsockopt(2)`.
    ///
    /// # Errors
    ///
    /// `Unsupported` with [`OptionError::Unknown`] inside, and without an error code, for an option that the system
    /// does not know; otherwise any error from `getsockopt(2)`.
    ///
    /// # Examples
    ///
    /// See [`ReadWrite`].
    #[inline]
    pub fn get(&self, socket: &(impl AsSock + ?Sized)) -> io::Result<T> {
        (self.get)(&self.info, borrow(socket))
    }

    /// Sets the option of `socket`: `setsockopt(2)`. A call that fails changes nothing.
    ///
    /// # Errors
    ///
    /// With an [`OptionError`] inside, and without an error code: `InvalidInput` for a value outside the option's
    /// range, `Unsupported` for an option that the system does not know. Otherwise any error from `setsockopt(2)`.
    ///
    /// # Examples
    ///
    /// See [`ReadWrite`].
    #[inline]
    pub fn set(&self, socket: &(impl AsSock + ?Sized), value: T::Arg<'_>) -> io::Result<()> {
        (self.set)(&self.info, borrow(socket), T::from_arg(value))
    }
}

impl<T: Value> ReadOnly<T> {
    pub(crate) const fn new(id: Id, get: Getter<T>) -> Self {
        let info = Info {
            id,
            min: 0,
            max: u64::MAX,
            unit: "",
        };
        Self { info, get }
    }

    /// Reads the option of `socket`: `getsockopt(2)`.
    ///
    /// # Errors
    ///
    /// `Unsupported` with [`OptionError::Unknown`] inside, and without an error code, for an option that the system
    /// does not know; otherwise any error from `getsockopt(2)`.
    ///
    /// # Examples
    ///
    /// See [`ReadOnly`].
    #[inline]
    pub fn get(&self, socket: &(impl AsSock + ?Sized)) -> io::Result<T> {
        (self.get)(&self.info, borrow(socket))
    }
}

impl<T: Value> WriteOnly<T> {
    #[allow(dead_code, reason = "a system may have no option that is set only")]
    pub(crate) const fn ranged(
        id: Id,
        range: RangeInclusive<u64>,
        unit: &'static str,
        set: Setter<T>,
    ) -> Self {
        let (min, max) = (*range.start(), *range.end());
        let info = Info { id, min, max, unit };
        Self { info, set }
    }

    /// Sets the option of `socket`: `setsockopt(2)`. A call that fails changes nothing.
    ///
    /// # Errors
    ///
    /// With an [`OptionError`] inside, and without an error code: `InvalidInput` for a value outside the option's
    /// range, `Unsupported` for an option that the system does not know. Otherwise any error from `setsockopt(2)`.
    ///
    /// # Examples
    ///
    /// See [`WriteOnly`].
    #[inline]
    pub fn set(&self, socket: &(impl AsSock + ?Sized), value: T::Arg<'_>) -> io::Result<()> {
        (self.set)(&self.info, borrow(socket), T::from_arg(value))
    }
}

/// An option without its type: what the table needs of each.
pub(crate) trait AnyOption: Sync {
    fn os_name(&self) -> &'static str;

    /// The value as text, or `None` if the option cannot be read.
    fn show(&self, sock: Sock<'_>) -> Option<io::Result<String>>;
}

macro_rules! any_option {
    ($kind:ident, |$this:ident, $sock:ident| $show:expr) => {
        impl<T: Value> AnyOption for $kind<T> {
            fn os_name(&self) -> &'static str {
                self.info.id.text
            }

            fn show(&self, $sock: Sock<'_>) -> Option<io::Result<String>> {
                let $this = self;
                $show
            }
        }

        impl<T: Value> fmt::Debug for $kind<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($kind))
                    .field(&self.info.id.text)
                    .finish()
            }
        }
    };
}

any_option!(ReadWrite, |this, sock| Some(
    (this.get)(&this.info, sock).map(|value| value.show())
));
any_option!(ReadOnly, |this, sock| Some(
    (this.get)(&this.info, sock).map(|value| value.show())
));
any_option!(WriteOnly, |_this, _sock| None);

macro_rules! get_option {
    ($($kind:ident),*) => {$(
        impl<T: Value> GetOption for $kind<T> {
            type Value = T;

            #[inline]
            fn get(&self, socket: &(impl AsSock + ?Sized)) -> io::Result<T> {
                $kind::get(self, socket)
            }
        }
    )*};
}

macro_rules! set_option {
    ($($kind:ident),*) => {$(
        impl<T: Value> SetOption for $kind<T> {
            type Value<'a> = T::Arg<'a>;

            #[inline]
            fn set(&self, socket: &(impl AsSock + ?Sized), value: T::Arg<'_>) -> io::Result<()> {
                $kind::set(self, socket, value)
            }
        }
    )*};
}

get_option!(ReadWrite, ReadOnly);
set_option!(ReadWrite, WriteOnly);

impl<T: Value> sealed::Sealed for ReadWrite<T> {}
impl<T: Value> sealed::Sealed for ReadOnly<T> {}
impl<T: Value> sealed::Sealed for WriteOnly<T> {}
impl<O: sealed::Sealed> sealed::Sealed for &O {}

impl<O: GetOption> GetOption for &O {
    type Value = O::Value;

    #[inline]
    fn get(&self, socket: &(impl AsSock + ?Sized)) -> io::Result<O::Value> {
        O::get(self, socket)
    }
}

impl<O: SetOption> SetOption for &O {
    type Value<'a> = O::Value<'a>;

    #[inline]
    fn set(&self, socket: &(impl AsSock + ?Sized), value: O::Value<'_>) -> io::Result<()> {
        O::set(self, socket, value)
    }
}
