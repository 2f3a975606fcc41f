//! What a source is ready for.

use core::fmt;

bitflags::bitflags! {
    /// What a source is ready for, or what a caller is interested in: a set of flags.
    ///
    /// In an interest, [`READABLE`](Ready::READABLE) brings [`READ_CLOSED`](Ready::READ_CLOSED)
    /// along and [`WRITABLE`](Ready::WRITABLE) brings [`WRITE_CLOSED`](Ready::WRITE_CLOSED);
    /// [`ERROR`](Ready::ERROR) and [`HUP`](Ready::HUP) are always reported, asked for or not.
    ///
    /// A later release may add flags. Ask for the ones that matter, and do not compare
    /// [`bits`](Ready::bits) or [`all`](Ready::all) with numbers.
    ///
    /// The flags exist as constants and, as in mio 0.6, as functions:
    ///
    /// ```
    /// use readywire::Ready;
    ///
    /// let mut interest = Ready::readable() | Ready::writable();
    /// assert!(interest.is_readable() && interest.contains(Ready::WRITABLE));
    ///
    /// interest.remove(Ready::writable());
    /// assert_eq!(interest, Ready::READABLE);
    /// assert_eq!(interest - Ready::READABLE, Ready::empty());
    /// assert_eq!(Ready::from_usize(interest.as_usize()), interest);
    /// ```
    #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Ready: u16 {
        /// A read would not block.
        const READABLE = 1 << 0;
        /// A write would not block.
        const WRITABLE = 1 << 1;
        /// The source is in an error state; for a socket, `take_error` returns which.
        const ERROR = 1 << 2;
        /// The source hung up: both directions are closed.
        const HUP = 1 << 3;
        /// Nothing more will arrive after what can be read now: the peer closed its sending half,
        /// or the receiving half was shut down on this side.
        const READ_CLOSED = 1 << 4;
        /// Nothing more can be written.
        const WRITE_CLOSED = 1 << 5;
        /// There is priority (out-of-band) data.
        const PRIORITY = 1 << 6;
    }
}

impl Ready {
    /// Returns [`Ready::READABLE`].
    pub const fn readable() -> Ready {
        Ready::READABLE
    }

    /// Returns [`Ready::WRITABLE`].
    pub const fn writable() -> Ready {
        Ready::WRITABLE
    }

    /// Returns [`Ready::PRIORITY`].
    pub const fn priority() -> Ready {
        Ready::PRIORITY
    }

    /// Returns [`Ready::ERROR`].
    pub const fn error() -> Ready {
        Ready::ERROR
    }

    /// Returns [`Ready::HUP`].
    pub const fn hup() -> Ready {
        Ready::HUP
    }

    /// Returns [`Ready::READ_CLOSED`].
    pub const fn read_closed() -> Ready {
        Ready::READ_CLOSED
    }

    /// Returns [`Ready::WRITE_CLOSED`].
    pub const fn write_closed() -> Ready {
        Ready::WRITE_CLOSED
    }

    /// Returns whether [`Ready::READABLE`] is in the set.
    pub const fn is_readable(&self) -> bool {
        self.contains(Ready::READABLE)
    }

    /// Returns whether [`Ready::WRITABLE`] is in the set.
    pub const fn is_writable(&self) -> bool {
        self.contains(Ready::WRITABLE)
    }

    /// Returns whether [`Ready::PRIORITY`] is in the set.
    pub const fn is_priority(&self) -> bool {
        self.contains(Ready::PRIORITY)
    }

    /// Returns whether [`Ready::ERROR`] is in the set.
    pub const fn is_error(&self) -> bool {
        self.contains(Ready::ERROR)
    }

    /// Returns whether [`Ready::HUP`] is in the set.
    pub const fn is_hup(&self) -> bool {
        self.contains(Ready::HUP)
    }

    /// Returns whether [`Ready::READ_CLOSED`] is in the set.
    pub const fn is_read_closed(&self) -> bool {
        self.contains(Ready::READ_CLOSED)
    }

    /// Returns whether [`Ready::WRITE_CLOSED`] is in the set.
    pub const fn is_write_closed(&self) -> bool {
        self.contains(Ready::WRITE_CLOSED)
    }

    /// Returns the set as a number, one bit a flag.
    ///
    /// The values of the flags that mio 0.6 had on every Unix (readable, writable, error, hup,
    /// priority) are the ones it used.
    pub const fn as_usize(&self) -> usize {
        self.bits() as usize
    }

    /// Makes a set out of what [`as_usize`](Ready::as_usize) returned; bits that stand for no
    /// flag are dropped.
    pub const fn from_usize(value: usize) -> Ready {
        Ready::from_bits_truncate((value & Ready::all().bits() as usize) as u16)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("(empty)");
        }
        bitflags::parser::to_writer(self, f)
    }
}
