//! The flags of an AFD poll, and what they mean. It is compiled on every system, for its tests.

use token_ready::Ready;

pub(super) const RECEIVE: u32 = 0x001;
pub(super) const RECEIVE_EXPEDITED: u32 = 0x002;
pub(super) const SEND: u32 = 0x004;
pub(super) const DISCONNECT: u32 = 0x008;
pub(super) const ABORT: u32 = 0x010;
pub(super) const LOCAL_CLOSE: u32 = 0x020;
pub(super) const ACCEPT: u32 = 0x080;
pub(super) const CONNECT_FAIL: u32 = 0x100;

/// The flags that ask for what may be reported; zero if there is nothing to wait for.
pub(super) fn request(armed: Ready) -> u32 {
    let mut flags = 0;
    if armed.is_readable() {
        flags |= RECEIVE | ACCEPT | DISCONNECT;
    }
    if armed.is_read_closed() {
        flags |= DISCONNECT;
    }
    if armed.is_writable() {
        flags |= SEND;
    }
    if armed.is_priority() {
        flags |= RECEIVE_EXPEDITED;
    }
    if armed.intersects(Ready::ERROR | Ready::HUP) {
        flags |= ABORT | CONNECT_FAIL;
    }
    if flags == 0 { 0 } else { flags | LOCAL_CLOSE }
}

/// What the flags mean.
pub(super) fn readiness(flags: u32) -> Ready {
    let mut readiness = Ready::empty();
    if flags & (RECEIVE | ACCEPT) != 0 {
        readiness |= Ready::READABLE;
    }
    if flags & SEND != 0 {
        readiness |= Ready::WRITABLE;
    }
    if flags & RECEIVE_EXPEDITED != 0 {
        readiness |= Ready::PRIORITY;
    }
    if flags & DISCONNECT != 0 {
        // Reading no longer blocks: it ends.
        readiness |= Ready::READ_CLOSED | Ready::READABLE;
    }
    if flags & (ABORT | CONNECT_FAIL) != 0 {
        // Neither reading nor writing blocks: both fail.
        readiness |= Ready::ERROR | Ready::HUP | Ready::READABLE | Ready::WRITABLE;
        readiness |= Ready::READ_CLOSED | Ready::WRITE_CLOSED;
    }
    readiness
}

/// Which directions are ready for no other reason than an error or a hang-up.
pub(super) fn implied(flags: u32) -> Ready {
    const DIRECTIONS: Ready = Ready::READABLE.union(Ready::WRITABLE);

    let over = flags & (ABORT | CONNECT_FAIL);
    (readiness(over) & DIRECTIONS) - readiness(flags & !over)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [u32; 8] = [
        RECEIVE,
        RECEIVE_EXPEDITED,
        SEND,
        DISCONNECT,
        ABORT,
        LOCAL_CLOSE,
        ACCEPT,
        CONNECT_FAIL,
    ];

    #[test]
    fn interests_become_flags() {
        let table = [
            (Ready::empty(), 0),
            (Ready::READABLE, RECEIVE | ACCEPT | DISCONNECT | LOCAL_CLOSE),
            (Ready::READ_CLOSED, DISCONNECT | LOCAL_CLOSE),
            (Ready::WRITABLE, SEND | LOCAL_CLOSE),
            (Ready::PRIORITY, RECEIVE_EXPEDITED | LOCAL_CLOSE),
            (Ready::ERROR, ABORT | CONNECT_FAIL | LOCAL_CLOSE),
            (Ready::HUP, ABORT | CONNECT_FAIL | LOCAL_CLOSE),
            (Ready::WRITE_CLOSED, 0),
            (
                Ready::READABLE | Ready::WRITABLE,
                RECEIVE | ACCEPT | DISCONNECT | SEND | LOCAL_CLOSE,
            ),
        ];
        for (armed, flags) in table {
            assert_eq!(request(armed), flags, "{armed:?}");
        }
    }

    #[test]
    fn flags_become_readiness() {
        let over = Ready::ERROR
            | Ready::HUP
            | Ready::READABLE
            | Ready::WRITABLE
            | Ready::READ_CLOSED
            | Ready::WRITE_CLOSED;
        let table = [
            (0, Ready::empty()),
            (RECEIVE, Ready::READABLE),
            (ACCEPT, Ready::READABLE),
            (SEND, Ready::WRITABLE),
            (RECEIVE_EXPEDITED, Ready::PRIORITY),
            (DISCONNECT, Ready::READ_CLOSED | Ready::READABLE),
            (ABORT, over),
            (CONNECT_FAIL, over),
            (LOCAL_CLOSE, Ready::empty()),
            (RECEIVE | SEND, Ready::READABLE | Ready::WRITABLE),
        ];
        for (flags, expected) in table {
            assert_eq!(readiness(flags), expected, "{flags:#x}");
        }
    }

    #[test]
    fn what_an_end_alone_says_is_implied() {
        let table = [
            (RECEIVE | SEND | DISCONNECT, Ready::empty()),
            (ABORT, Ready::READABLE | Ready::WRITABLE),
            (CONNECT_FAIL | SEND, Ready::READABLE),
            (ABORT | DISCONNECT, Ready::WRITABLE),
        ];
        for (flags, expected) in table {
            assert_eq!(implied(flags), expected, "{flags:#x}");
        }
    }

    /// A poll that completes without anything to report would be begun again for nothing, and for
    /// ever.
    #[test]
    fn nothing_is_asked_for_that_would_not_be_reported() {
        for bits in 0..=Ready::all().bits() {
            let armed = Ready::from_bits_truncate(bits);
            for flag in ALL {
                if flag != LOCAL_CLOSE && request(armed) & flag != 0 {
                    let ready = readiness(flag) & armed;
                    assert!(!ready.is_empty(), "{armed:?} asks for {flag:#x}");
                }
            }
        }
    }
}
