//! Edges and oneshots, for systems that only tell what a source is ready for at this moment.

use token_ready::{PollOpt, Ready};

use crate::key::reported;

/// How a caller learned that a source is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// A call failed, in most cases with `WouldBlock`.
    Failure,
    /// A transfer moved fewer bytes than the caller offered.
    Short,
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
        if direction.is_readable() {
            match drained {
                Drained::Failure => self.unfinished = false,
                Drained::Short if self.unfinished => return false,
                Drained::Short => {}
            }
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

        assert!(trigger.mark_drained(Ready::READABLE, Drained::Failure));
        assert!(!trigger.mark_drained(Ready::READABLE, Drained::Failure));
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
            assert!(!trigger.mark_drained(Ready::READABLE, Drained::Short));
            assert!(trigger.mark_drained(Ready::READABLE, Drained::Failure));
            assert_eq!(trigger.report(Ready::READABLE), Ready::READABLE);
            assert!(trigger.mark_drained(Ready::READABLE, Drained::Short));
        }
    }

    #[test]
    fn a_oneshot_stays_silent_even_when_drained() {
        for opts in [PollOpt::ONESHOT, PollOpt::ONESHOT | PollOpt::EDGE] {
            let mut trigger = Trigger::new(Ready::READABLE, opts);
            assert_eq!(trigger.report(Ready::READABLE), Ready::READABLE);
            assert!(!trigger.mark_drained(Ready::READABLE, Drained::Failure));
            assert_eq!(trigger.report(Ready::READABLE | Ready::HUP), Ready::empty());
            assert_eq!(trigger.armed(), Ready::empty());
        }
    }
}
