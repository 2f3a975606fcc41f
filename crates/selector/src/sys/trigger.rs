//! Edges and oneshots, for systems that only tell what a source is ready for at this moment.

use std::io::{self, ErrorKind};

use token_ready::{PollOpt, Ready};

use super::{CONNECTING, PENDING};
use crate::key::reported;

/// What a call showed about a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// It would block.
    Blocked,
    /// A transfer moved fewer bytes than the caller offered.
    Short,
    /// The call took the error that was pending, or a connection or datagram that had failed. There may
    /// be more to read behind it.
    Error,
    /// A `connect` has begun. Whatever the source was ready for before, such as a hang-up because it had no
    /// peer, is over in both directions.
    Connecting,
}

impl Drained {
    /// What the error of a call shows; `None` if the source is as it was before, such as after
    /// `BrokenPipe` or `NotConnected`: an edge that came again would make the caller spin.
    pub(crate) fn by(error: &io::Error) -> Option<Drained> {
        let is = |codes: &[i32]| {
            error
                .raw_os_error()
                .is_some_and(|code| codes.contains(&code))
        };
        match error.kind() {
            ErrorKind::WouldBlock => Some(Drained::Blocked),
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => Some(Drained::Error),
            _ if is(CONNECTING) => Some(Drained::Connecting),
            _ if is(PENDING) => Some(Drained::Error),
            _ => None,
        }
    }
}

/// What a registration still wants to hear of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    interest: Ready,
    opts: PollOpt,
    /// What would be reported now.
    armed: Ready,
    /// A oneshot that was reported.
    fired: bool,
    /// More than data was reported, so that a short read does not show that all was read.
    unfinished: bool,
}

const END: Ready = Ready::ERROR.union(Ready::HUP).union(Ready::READ_CLOSED);

impl Trigger {
    pub(super) fn new(interest: Ready, opts: PollOpt) -> Trigger {
        Trigger {
            interest,
            opts,
            armed: reported(interest),
            fired: false,
            unfinished: false,
        }
    }

    /// What would be reported now; what is not in here need not be asked for.
    pub(super) fn armed(&self) -> Ready {
        if self.fired {
            Ready::empty()
        } else {
            self.armed
        }
    }

    /// Takes from what the source is ready for that which is to be reported.
    pub(super) fn report(&mut self, readiness: Ready) -> Ready {
        let mut ready = readiness & self.armed();
        if ready.is_empty() {
            return ready;
        }
        if ready.intersects(END) {
            // An end is news for each direction, even one that was reported before.
            ready |= readiness & reported(self.interest);
        }
        if ready.intersects(END | Ready::PRIORITY) {
            self.unfinished = true;
        }
        self.fired = self.opts.is_oneshot();
        if self.opts.is_edge() {
            self.armed.remove(ready);
        }
        ready
    }

    /// Re-arms `direction`; returns whether that changed anything.
    pub(super) fn mark_drained(&mut self, direction: Ready, drained: Drained) -> bool {
        let before = self.armed;
        let mut direction = reported(direction);
        match drained {
            Drained::Blocked if direction.is_readable() => self.unfinished = false,
            Drained::Short if direction.is_readable() && self.unfinished => return false,
            // The kernel may make a send fail with the same errors without taking one, so that the
            // room counts as what it was.
            Drained::Error => direction = (direction & Ready::READABLE) | Ready::ERROR,
            Drained::Connecting => {
                self.unfinished = false;
                direction = Ready::all();
            }
            Drained::Blocked | Drained::Short => {}
        }
        // Urgent data is read too.
        direction.set(Ready::PRIORITY, direction.is_readable());
        if self.opts.is_edge() && !self.fired {
            self.armed |= reported(self.interest) & direction;
        }
        self.armed != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);

    #[test]
    fn level_reports_again_and_again() {
        let mut trigger = Trigger::new(Ready::READABLE, PollOpt::LEVEL);
        for _ in 0..3 {
            assert_eq!(trigger.report(BOTH), Ready::READABLE);
            assert!(trigger.armed().is_readable());
        }
    }

    #[test]
    fn an_edge_is_silent_until_rearmed_in_its_direction() {
        let mut trigger = Trigger::new(BOTH, PollOpt::EDGE);
        assert_eq!(trigger.report(BOTH), BOTH);
        assert_eq!(trigger.report(BOTH), Ready::empty());
        assert!(!trigger.armed().intersects(BOTH));

        assert!(trigger.mark_drained(Ready::READABLE, Drained::Blocked));
        assert!(!trigger.mark_drained(Ready::READABLE, Drained::Blocked));
        assert_eq!(trigger.report(BOTH), Ready::READABLE);
    }

    #[test]
    fn the_end_is_news_for_a_direction_that_was_reported() {
        let mut trigger = Trigger::new(Ready::READABLE, PollOpt::EDGE);
        assert_eq!(trigger.report(Ready::READABLE), Ready::READABLE);
        let end = Ready::READABLE | Ready::READ_CLOSED;
        assert_eq!(trigger.report(end), end);
        assert_eq!(trigger.report(end), Ready::empty());
    }

    #[test]
    fn a_short_transfer_rearms_its_direction() {
        let mut trigger = Trigger::new(BOTH, PollOpt::EDGE);
        assert_eq!(trigger.report(BOTH), BOTH);
        assert!(trigger.mark_drained(Ready::READABLE, Drained::Short));
        assert_eq!(trigger.report(BOTH), Ready::READABLE);
        assert!(trigger.mark_drained(Ready::WRITABLE, Drained::Short));
        assert_eq!(trigger.report(BOTH), Ready::WRITABLE);
    }

    #[test]
    fn after_more_than_data_only_a_failed_read_rearms() {
        for more in [
            Ready::READ_CLOSED,
            Ready::HUP,
            Ready::ERROR,
            Ready::PRIORITY,
        ] {
            let mut trigger = Trigger::new(BOTH | Ready::PRIORITY, PollOpt::EDGE);
            let all = BOTH | more;
            assert_eq!(trigger.report(all), all);
            assert!(!trigger.mark_drained(Ready::READABLE, Drained::Short));
            assert!(trigger.mark_drained(Ready::WRITABLE, Drained::Short));
            assert!(trigger.report(all).is_writable());
            assert!(trigger.mark_drained(Ready::WRITABLE, Drained::Blocked));
            assert!(!trigger.mark_drained(Ready::READABLE, Drained::Short));
            assert!(trigger.mark_drained(Ready::READABLE, Drained::Blocked));
            assert_eq!(trigger.report(Ready::READABLE), Ready::READABLE);
            assert!(trigger.mark_drained(Ready::READABLE, Drained::Short));
        }
    }

    #[test]
    fn a_connect_that_has_begun_rearms_both_directions() {
        let mut trigger = Trigger::new(BOTH, PollOpt::EDGE);
        let without_peer = BOTH | Ready::HUP | Ready::READ_CLOSED;
        assert_eq!(trigger.report(without_peer), without_peer);
        assert!(trigger.mark_drained(Ready::WRITABLE, Drained::Connecting));
        assert_eq!(trigger.report(BOTH), BOTH);
        assert!(trigger.mark_drained(Ready::READABLE, Drained::Short));
    }

    #[test]
    fn a_pending_error_that_was_taken_rearms_errors_and_reading() {
        for (direction, again) in [
            (Ready::READABLE, Ready::READABLE | Ready::ERROR),
            (Ready::WRITABLE, Ready::ERROR | BOTH),
        ] {
            let mut trigger = Trigger::new(BOTH, PollOpt::EDGE);
            let failed = BOTH | Ready::ERROR;
            assert_eq!(trigger.report(failed), failed);
            assert!(trigger.mark_drained(direction, Drained::Error));
            assert_eq!(trigger.report(Ready::WRITABLE), Ready::empty());
            assert_eq!(trigger.report(failed) & again, again);
        }
    }

    #[test]
    fn errors_show_what_a_call_took() {
        for (kind, expected) in [
            (ErrorKind::WouldBlock, Some(Drained::Blocked)),
            (ErrorKind::ConnectionRefused, Some(Drained::Error)),
            (ErrorKind::ConnectionReset, Some(Drained::Error)),
            (ErrorKind::ConnectionAborted, Some(Drained::Error)),
            (ErrorKind::TimedOut, Some(Drained::Error)),
            (ErrorKind::HostUnreachable, Some(Drained::Error)),
            (ErrorKind::NetworkUnreachable, Some(Drained::Error)),
            (ErrorKind::NetworkDown, Some(Drained::Error)),
            (ErrorKind::BrokenPipe, None),
            (ErrorKind::NotConnected, None),
            (ErrorKind::InvalidInput, None),
            (ErrorKind::Interrupted, None),
            (ErrorKind::OutOfMemory, None),
            (ErrorKind::PermissionDenied, None),
            (ErrorKind::NotFound, None),
        ] {
            assert_eq!(Drained::by(&kind.into()), expected, "{kind:?}");
        }
        let by = |code: &i32| Drained::by(&io::Error::from_raw_os_error(*code));
        for code in CONNECTING {
            assert_eq!(by(code), Some(Drained::Connecting), "{code}");
        }
        for code in PENDING {
            assert_eq!(by(code), Some(Drained::Error), "{code}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn codes_that_share_a_kind_show_what_a_call_took() {
        for (code, expected) in [
            (libc::EACCES, Some(Drained::Error)),
            (libc::EPERM, None),
            (libc::EOPNOTSUPP, None),
        ] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(Drained::by(&error), expected, "{error}");
        }
    }

    #[test]
    fn a_oneshot_stays_silent_even_when_drained() {
        for opts in [PollOpt::ONESHOT, PollOpt::ONESHOT | PollOpt::EDGE] {
            let mut trigger = Trigger::new(Ready::READABLE, opts);
            assert_eq!(trigger.report(Ready::READABLE), Ready::READABLE);
            assert!(!trigger.mark_drained(Ready::READABLE, Drained::Blocked));
            assert_eq!(trigger.report(Ready::READABLE | Ready::HUP), Ready::empty());
            assert_eq!(trigger.armed(), Ready::empty());
        }
    }
}
