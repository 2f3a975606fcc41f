//! What a source is ready for.

use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Sub, SubAssign};

use readywire::Backend;

/// A set of the kinds of readiness.
///
/// [`UnixReady`](crate::unix::UnixReady) has those that only Unix has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(usize);

impl Ready {
    pub(crate) const READABLE: Ready = Ready(1);
    pub(crate) const WRITABLE: Ready = Ready(1 << 1);
    pub(crate) const ERROR: Ready = Ready(1 << 2);
    pub(crate) const HUP: Ready = Ready(1 << 3);
    pub(crate) const PRIORITY: Ready = Ready(1 << 6);

    /// Returns the empty set.
    pub fn empty() -> Ready {
        Ready(0)
    }

    /// Returns the kind of what can be read.
    pub fn readable() -> Ready {
        Ready::READABLE
    }

    /// Returns the kind of what can be written.
    pub fn writable() -> Ready {
        Ready::WRITABLE
    }

    /// Returns the set of all kinds.
    pub fn all() -> Ready {
        Ready::READABLE | Ready::WRITABLE | Ready::ERROR | Ready::HUP | Ready::PRIORITY
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Returns whether the set has [`readable`](Ready::readable).
    pub fn is_readable(&self) -> bool {
        self.contains(Ready::READABLE)
    }

    /// Returns whether the set has [`writable`](Ready::writable).
    pub fn is_writable(&self) -> bool {
        self.contains(Ready::WRITABLE)
    }

    /// Adds the kinds of `other`.
    pub fn insert<T: Into<Ready>>(&mut self, other: T) {
        *self |= other;
    }

    /// Removes the kinds of `other`.
    pub fn remove<T: Into<Ready>>(&mut self, other: T) {
        *self -= other;
    }

    /// Returns whether the set has all kinds of `other`.
    pub fn contains<T: Into<Ready>>(&self, other: T) -> bool {
        let other = other.into();
        *self & other == other
    }

    /// Returns the set that [`as_usize`](Ready::as_usize) returned as a number.
    pub fn from_usize(value: usize) -> Ready {
        Ready(value)
    }

    /// Returns the set as a number.
    pub fn as_usize(&self) -> usize {
        self.0
    }
}

#[cfg(feature = "with-deprecated")]
impl Ready {
    /// Returns the empty set.
    #[deprecated(note = "use `Ready::empty`")]
    pub fn none() -> Ready {
        Ready::empty()
    }

    /// Returns the kind of an error.
    #[deprecated(note = "use `UnixReady::error`")]
    pub fn error() -> Ready {
        Ready::ERROR
    }

    /// Returns the kind of a hang-up.
    #[deprecated(note = "use `UnixReady::hup`")]
    pub fn hup() -> Ready {
        Ready::HUP
    }

    /// Returns whether the set is empty.
    #[deprecated(note = "use `Ready::is_empty`")]
    pub fn is_none(&self) -> bool {
        self.is_empty()
    }

    /// Returns whether the set has `error`.
    #[deprecated(note = "use `UnixReady::is_error`")]
    pub fn is_error(&self) -> bool {
        self.contains(Ready::ERROR)
    }

    /// Returns whether the set has `hup`.
    #[deprecated(note = "use `UnixReady::is_hup`")]
    pub fn is_hup(&self) -> bool {
        self.contains(Ready::HUP)
    }

    /// Returns the set as a number.
    #[deprecated(note = "use `Ready::as_usize`")]
    pub fn bits(&self) -> usize {
        self.0
    }
}

/// Conversions to and from readywire's type.
impl Ready {
    /// Returns the same set as readywire has it.
    pub(crate) fn into_readywire(self) -> readywire::Ready {
        // The bits are the same, and others are left out.
        readywire::Ready::from_usize((self & Ready::all()).0)
    }

    /// Returns what mio reports of an event of a `Poll` on `backend`.
    pub(crate) fn reported(event: &readywire::Event, backend: Backend) -> Ready {
        let reported = match backend {
            // The system is not asked for a direction again until it is drained. Then it is not reported
            // together with a hang-up, though it does not block any more.
            Backend::Poll | Backend::Afd => event.readiness(),
            _ => event.system_readiness(),
        };
        // Without half-closes.
        let mut ready = Ready(reported.as_usize()) & Ready::all();
        if ready.contains(Ready::PRIORITY) {
            ready |= Ready::READABLE;
        }
        ready
    }
}

impl<T: Into<Ready>> BitOr<T> for Ready {
    type Output = Ready;

    fn bitor(self, other: T) -> Ready {
        Ready(self.0 | other.into().0)
    }
}

impl<T: Into<Ready>> BitOrAssign<T> for Ready {
    fn bitor_assign(&mut self, other: T) {
        self.0 |= other.into().0;
    }
}

impl<T: Into<Ready>> BitAnd<T> for Ready {
    type Output = Ready;

    fn bitand(self, other: T) -> Ready {
        Ready(self.0 & other.into().0)
    }
}

impl<T: Into<Ready>> BitAndAssign<T> for Ready {
    fn bitand_assign(&mut self, other: T) {
        self.0 &= other.into().0;
    }
}

impl<T: Into<Ready>> BitXor<T> for Ready {
    type Output = Ready;

    fn bitxor(self, other: T) -> Ready {
        Ready(self.0 ^ other.into().0)
    }
}

impl<T: Into<Ready>> BitXorAssign<T> for Ready {
    fn bitxor_assign(&mut self, other: T) {
        self.0 ^= other.into().0;
    }
}

impl<T: Into<Ready>> Sub<T> for Ready {
    type Output = Ready;

    fn sub(self, other: T) -> Ready {
        Ready(self.0 & !other.into().0)
    }
}

impl<T: Into<Ready>> SubAssign<T> for Ready {
    fn sub_assign(&mut self, other: T) {
        self.0 &= !other.into().0;
    }
}

#[cfg(feature = "with-deprecated")]
impl std::ops::Not for Ready {
    type Output = Ready;

    fn not(self) -> Ready {
        Ready(!self.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Ready::READABLE, "Readable"),
            (Ready::WRITABLE, "Writable"),
            (Ready::ERROR, "Error"),
            (Ready::HUP, "Hup"),
        ];
        write_names(f, names.map(|(kind, name)| (self.contains(kind), name)))
    }
}

/// Writes the names of the flags that are set.
pub(crate) fn write_names<'a>(
    f: &mut fmt::Formatter<'_>,
    flags: impl IntoIterator<Item = (bool, &'a str)>,
) -> fmt::Result {
    let set = flags
        .into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name));
    let names: Vec<_> = set.collect();
    if names.is_empty() {
        return f.write_str("(empty)");
    }
    f.write_str(&names.join(" | "))
}
