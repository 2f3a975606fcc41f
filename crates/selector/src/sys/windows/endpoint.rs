//! When the AFD poll of a socket is begun, cancelled and begun again: plain logic over [`Afd`].
//!
//! Windows mixes up two AFD polls that are under way on one socket: the older one completes with the
//! answer of the newer one, which never completes. So a socket has at most one, which asks for all
//! that its registrations wait for. When it has to ask for more, it is cancelled, and the next one
//! is begun when the packet of the cancelled one has been taken from the port.
//!
//! A poll is begun
//! * when a socket is registered, and whenever a registration waits for something that no poll asks
//!   for;
//! * when a poll completed and there was nothing to report;
//! * after an event, for a level or what else is still to be reported, at the next wait: by then
//!   the source has been drained, and an edge is armed again.
//!
//! Nothing here names Windows, so that every system runs the tests.

use std::mem;

use token_ready::{PollOpt, Ready};

use super::flags;
use crate::key::Key;
use crate::sys::trigger::{Drained, Trigger};

/// What an endpoint asks of AFD.
pub(super) trait Afd {
    /// Begins a poll. Exactly one packet comes of it, unless this fails.
    fn begin(&mut self, socket: usize, flags: u32) -> Result<(), Failure>;

    /// Makes the poll under way complete soon, with or without an answer.
    fn cancel(&mut self);

    /// Returns for which of `flags` the socket is ready at this moment.
    fn look(&mut self, socket: usize, flags: u32) -> Result<u32, Failure>;
}

/// Why AFD refused or failed a poll, with the system's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The handle is no socket: it was closed without being deregistered, and may be another
    /// object's by now.
    Gone(i32),
    /// The system is short of memory.
    Short(i32),
}

/// The outcome in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The socket was ready for these flags when the packet was put into the port.
    Flags(u32),
    /// The poll was cancelled: here, or by a system that does so when the thread that began it ends.
    Cancelled,
    Failed(Failure),
}

/// A socket, and its clones if they are registered with the same `Poll`.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// One for each registration; nearly always a single one.
    watches: Vec<Watch>,
    polling: Polling,
    /// The next poll begins with the next wait.
    due: bool,
}

#[derive(Debug)]
struct Watch {
    key: Key,
    socket: usize,
    trigger: Trigger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Polling {
    /// No poll is under way.
    Idle,
    /// A poll is under way, or its packet is in the port.
    Asking {
        socket: usize,
        flags: u32,
        /// The wait that began it, if one did and the source was not drained since.
        wait: Option<usize>,
    },
    /// The poll was cancelled, and its packet has not been taken yet.
    Cancelled,
}

impl Endpoint {
    pub(super) const fn new() -> Endpoint {
        Endpoint {
            watches: Vec::new(),
            polling: Polling::Idle,
            due: false,
        }
    }

    /// Returns whether a registration was made for `socket`.
    pub(super) fn has_socket(&self, socket: usize) -> bool {
        self.watches.iter().any(|watch| watch.socket == socket)
    }

    /// Returns whether no registration is left.
    pub(super) fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// Returns whether the packet of a cancelled poll is still to come.
    pub(super) fn is_cancelled(&self) -> bool {
        self.polling == Polling::Cancelled
    }

    /// Returns whether a poll is under way whose answer counts.
    #[cfg(test)]
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.polling, Polling::Asking { .. })
    }

    /// Marks the next poll as one that begins with the next wait; returns whether it was not marked.
    pub(super) fn set_due(&mut self) -> bool {
        !mem::replace(&mut self.due, true)
    }

    /// Adds a registration.
    pub(super) fn register(
        &mut self,
        afd: &mut impl Afd,
        socket: usize,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> Result<(), Failure> {
        let trigger = Trigger::new(interest, opts);
        self.watches.push(Watch {
            key,
            socket,
            trigger,
        });
        let renewed = self.renew(afd, None);
        if renewed.is_err() {
            self.watches.retain(|watch| watch.key != key);
        }
        renewed
    }

    /// Changes a registration; `None` if there is none under this slot. After `Short` it is changed all
    /// the same, and its poll has to begin with the next wait.
    pub(super) fn reregister(
        &mut self,
        afd: &mut impl Afd,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> Option<Result<(), Failure>> {
        let watch = self
            .watches
            .iter_mut()
            .find(|watch| watch.key.index() == key.index())?;
        (watch.key, watch.trigger) = (key, Trigger::new(interest, opts));
        self.distrust();
        Some(self.renew(afd, None))
    }

    /// Ends a registration, and returns the handle that it was made for.
    pub(super) fn deregister(&mut self, afd: &mut impl Afd, key: Key) -> Option<usize> {
        let is_meant = |watch: &Watch| watch.key.index() == key.index();
        let at = self.watches.iter().position(is_meant)?;
        let ended = self.watches.swap_remove(at).socket;
        // The handle may be closed next: a clone's poll goes on with the handle of the clone.
        if matches!(self.polling, Polling::Asking { socket, .. } if socket == ended) {
            self.cancel(afd);
        }
        Some(ended)
    }

    /// Ends all registrations.
    pub(super) fn clear(&mut self, afd: &mut impl Afd) {
        self.watches.clear();
        if matches!(self.polling, Polling::Asking { .. }) {
            self.cancel(afd);
        }
    }

    /// Has the source looked at again when the packet of the poll under way is taken: the packet may be
    /// in the port already, from before a change.
    fn distrust(&mut self) {
        if let Polling::Asking { wait, .. } = &mut self.polling {
            *wait = None;
        }
    }

    fn cancel(&mut self, afd: &mut impl Afd) {
        self.polling = Polling::Cancelled;
        afd.cancel();
    }

    /// Arms an edge again after the source was drained; returns whether that changed anything, and
    /// whether the poll for it could be begun.
    pub(super) fn mark_drained(
        &mut self,
        afd: &mut impl Afd,
        key: Key,
        direction: Ready,
        drained: Drained,
    ) -> (bool, Result<(), Failure>) {
        // Also where the trigger stays as it is.
        self.distrust();
        let watch = self.watches.iter_mut().find(|watch| watch.key == key);
        if !watch.is_some_and(|watch| watch.trigger.mark_drained(direction, drained)) {
            return (false, Ok(()));
        }
        (true, self.renew(afd, None))
    }

    /// Begins the poll that was due.
    pub(super) fn resume(
        &mut self,
        afd: &mut impl Afd,
        wait: Option<usize>,
    ) -> Result<(), Failure> {
        self.due = false;
        self.renew(afd, wait)
    }

    /// Takes a packet, and reports at most `room` events with what in them is only implied; `wait` is the wait that
    /// took the packet. Returns whether the next poll is to begin with the next wait.
    pub(super) fn land(
        &mut self,
        afd: &mut impl Afd,
        answer: Answer,
        wait: Option<usize>,
        room: usize,
        mut report: impl FnMut(Key, Ready, Ready),
    ) -> bool {
        let polling = mem::replace(&mut self.polling, Polling::Idle);
        let Polling::Asking {
            socket,
            flags: asked,
            wait: begun,
        } = polling
        else {
            // Whatever it found, the next poll finds as well.
            return self.is_left_to_next_wait(afd, wait);
        };
        let asked = asked & self.wanted();
        if asked != 0 && room == 0 {
            return true;
        }
        // A packet says that the socket was ready when it was put into the port, which may be long
        // ago: the socket is looked at again, unless the same wait began the poll.
        let flags = match answer {
            Answer::Flags(flags) if flags & flags::LOCAL_CLOSE != 0 => Err(Failure::Gone(0)),
            Answer::Failed(Failure::Gone(status)) => Err(Failure::Gone(status)),
            _ if asked == 0 => Ok(0),
            Answer::Flags(flags) if begun.is_some() && begun == wait => Ok(flags),
            _ => afd.look(socket, asked),
        };
        let flags = match flags {
            Ok(flags) => flags & asked,
            Err(Failure::Gone(_)) => {
                self.remove(socket);
                0
            }
            // Unknown: the next operation finds out, or would block.
            Err(Failure::Short(_)) => (flags::RECEIVE | flags::SEND) & asked,
        };
        let (readiness, implied) = (flags::readiness(flags), flags::implied(flags));
        let mut left = room;
        for watch in &mut self.watches {
            if left == 0 {
                break;
            }
            let ready = watch.trigger.report(readiness);
            if !ready.is_empty() {
                report(watch.key, ready, implied);
                left -= 1;
            }
        }
        left < room || self.is_left_to_next_wait(afd, wait)
    }

    /// Begins the next poll now; returns whether the next wait has to, because it could not begin.
    fn is_left_to_next_wait(&mut self, afd: &mut impl Afd, wait: Option<usize>) -> bool {
        matches!(self.renew(afd, wait), Err(Failure::Short(_)))
    }

    /// Makes sure that a poll asks for all that is to be reported: now, or when it is due, or when
    /// the one that is cancelled has completed. Fails with `Gone` if no registration is left.
    fn renew(&mut self, afd: &mut impl Afd, wait: Option<usize>) -> Result<(), Failure> {
        if self.due {
            return Ok(());
        }
        match self.polling {
            Polling::Cancelled => Ok(()),
            Polling::Asking { flags, .. } => {
                if self.wanted() & !flags != 0 {
                    self.cancel(afd);
                }
                Ok(())
            }
            Polling::Idle => self.begin(afd, wait),
        }
    }

    fn begin(&mut self, afd: &mut impl Afd, wait: Option<usize>) -> Result<(), Failure> {
        loop {
            let (flags, first) = (self.wanted(), self.watches.first());
            let Some(socket) = first.map(|watch| watch.socket).filter(|_| flags != 0) else {
                return Ok(());
            };
            match afd.begin(socket, flags) {
                Ok(()) => {
                    self.polling = Polling::Asking {
                        socket,
                        flags,
                        wait,
                    };
                    return Ok(());
                }
                Err(Failure::Gone(status)) => {
                    self.remove(socket);
                    if self.watches.is_empty() {
                        return Err(Failure::Gone(status));
                    }
                }
                Err(short) => return Err(short),
            }
        }
    }

    /// Forgets a socket that was closed without being deregistered.
    fn remove(&mut self, socket: usize) {
        self.watches.retain(|watch| watch.socket != socket);
    }

    /// The flags that ask for all that is to be reported.
    fn wanted(&self) -> u32 {
        let armed = self.watches.iter().map(|watch| watch.trigger.armed());
        armed.fold(0, |wanted, armed| wanted | flags::request(armed))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::key::Index;

    /// AFD as Windows has it, for one socket and its clones.
    #[derive(Default)]
    struct Windows {
        /// What the socket is ready for.
        ready: u32,
        /// The flags of the poll that is under way.
        poll: Option<u32>,
        /// The poll was cancelled, and has not completed yet.
        cancelled: bool,
        /// Handles that are closed.
        closed: Vec<usize>,
        short: bool,
        packets: VecDeque<Answer>,
        looks: usize,
    }

    impl Windows {
        /// Makes the socket ready, which may complete the poll: also one that was cancelled just before.
        fn set(&mut self, flags: u32) {
            self.ready |= flags;
            if let Some(asked) = self.poll.filter(|asked| asked & self.ready != 0) {
                self.complete(Answer::Flags(asked & self.ready));
            }
        }

        fn complete(&mut self, answer: Answer) {
            self.poll = None;
            self.cancelled = false;
            self.packets.push_back(answer);
        }

        /// Completes a poll that was cancelled.
        fn settle(&mut self) {
            if self.cancelled {
                self.complete(Answer::Cancelled);
            }
        }
    }

    impl Afd for Windows {
        fn begin(&mut self, socket: usize, flags: u32) -> Result<(), Failure> {
            assert_eq!(self.poll, None, "two polls are under way on one socket");
            assert!(self.packets.is_empty(), "the poll's memory is in use");
            if self.closed.contains(&socket) {
                return Err(Failure::Gone(-1));
            }
            if self.short {
                return Err(Failure::Short(-2));
            }
            self.poll = Some(flags);
            self.set(0);
            Ok(())
        }

        fn cancel(&mut self) {
            self.cancelled = self.poll.is_some();
        }

        fn look(&mut self, socket: usize, flags: u32) -> Result<u32, Failure> {
            assert_eq!(self.poll, None, "a look while a poll is under way");
            self.looks += 1;
            if self.closed.contains(&socket) {
                return Err(Failure::Gone(-1));
            }
            if self.short {
                return Err(Failure::Short(-2));
            }
            Ok(self.ready & flags)
        }
    }

    /// An endpoint with its device, as a driver uses the two.
    struct Fixture {
        endpoint: Endpoint,
        afd: Windows,
        waits: usize,
    }

    const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);

    /// The key of a registration: its socket's number is the slot.
    fn key(socket: usize, generation: u32) -> Key {
        Key::new(generation, Index(Index::GIVEN | socket as u32))
    }

    impl Fixture {
        fn new() -> Fixture {
            Fixture {
                endpoint: Endpoint::new(),
                afd: Windows::default(),
                waits: 0,
            }
        }

        fn register(&mut self, socket: usize, interest: Ready, opts: PollOpt) {
            let (key, afd) = (key(socket, 1), &mut self.afd);
            let registered = self.endpoint.register(afd, socket, key, interest, opts);
            assert_eq!(registered, Ok(()));
        }

        fn reregister(&mut self, socket: usize, interest: Ready, opts: PollOpt) {
            let (key, afd) = (key(socket, 1), &mut self.afd);
            let changed = self.endpoint.reregister(afd, key, interest, opts);
            assert_eq!(changed, Some(Ok(())));
        }

        fn deregister(&mut self, socket: usize) {
            let ended = self.endpoint.deregister(&mut self.afd, key(socket, 1));
            assert!(ended.is_none_or(|ended| ended == socket));
        }

        /// Takes away what the socket is ready for, as a read or a write does to the end.
        fn drain(&mut self, flags: u32, direction: Ready) {
            self.afd.ready &= !flags;
            for socket in [1, 2] {
                let (_, renewed) = self.endpoint.mark_drained(
                    &mut self.afd,
                    key(socket, 1),
                    direction,
                    Drained::Blocked,
                );
                assert_eq!(renewed, Ok(()));
            }
        }

        fn land(&mut self, answer: Answer, wait: Option<usize>, room: usize) -> Vec<(Key, Ready)> {
            let mut events = Vec::new();
            let report = |key, ready, _implied| events.push((key, ready));
            let later = self
                .endpoint
                .land(&mut self.afd, answer, wait, room, report);
            if later {
                self.endpoint.set_due();
            }
            events
        }

        /// Polls with a timeout of zero; returns the slots that had an event, and their readiness.
        fn poll(&mut self, room: usize) -> Vec<(usize, Ready)> {
            self.waits += 1;
            let wait = Some(self.waits);
            if self.endpoint.due {
                let resumed = self.endpoint.resume(&mut self.afd, wait);
                assert!(!matches!(resumed, Err(Failure::Short(_))));
            }
            let mut events = Vec::new();
            while let Some(answer) = self.afd.packets.pop_front() {
                events = self.land(answer, wait, room);
                if !events.is_empty() {
                    break;
                }
            }
            let slot = |key: Key| (key.index().0 & !Index::GIVEN) as usize;
            let events = events.into_iter().map(|(key, ready)| (slot(key), ready));
            events.collect()
        }

        /// Lets Windows finish what it was asked, and polls until there is no event; returns what
        /// was reported of each slot.
        fn polls(&mut self, most: usize) -> [Ready; 3] {
            let mut seen = [Ready::empty(); 3];
            for _ in 0..most {
                self.afd.settle();
                for (slot, ready) in self.poll(8) {
                    seen[slot] |= ready;
                }
            }
            seen
        }
    }

    #[test]
    fn the_next_poll_begins_after_the_packet_of_the_cancelled_one() {
        let mut fixture = Fixture::new();
        fixture.register(1, Ready::READABLE, PollOpt::EDGE);
        let asked = fixture.afd.poll;
        fixture.afd.ready = flags::SEND;
        fixture.reregister(1, BOTH, PollOpt::EDGE);
        assert_eq!(fixture.afd.poll, asked, "the old poll has not completed");
        assert_eq!(fixture.poll(8), []);
        fixture.afd.settle();
        assert_eq!(fixture.poll(8), [(1, Ready::WRITABLE)]);
    }

    #[test]
    fn a_cancelled_poll_that_completes_all_the_same_loses_nothing() {
        let mut fixture = Fixture::new();
        fixture.register(1, Ready::READABLE, PollOpt::EDGE);
        fixture.reregister(1, BOTH, PollOpt::EDGE);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
    }

    #[test]
    fn a_clone_shares_the_poll_and_goes_on_without_the_other() {
        let mut fixture = Fixture::new();
        fixture.register(1, Ready::READABLE, PollOpt::EDGE);
        fixture.register(2, Ready::READABLE, PollOpt::EDGE);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(
            fixture.polls(3),
            [Ready::empty(), Ready::READABLE, Ready::READABLE]
        );
        fixture.drain(flags::RECEIVE, Ready::READABLE);
        fixture.deregister(1);
        fixture.afd.closed.push(1);
        fixture.polls(2);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(
            fixture.polls(3),
            [Ready::empty(), Ready::empty(), Ready::READABLE]
        );
    }

    #[test]
    fn what_finds_no_room_is_reported_by_the_next_wait() {
        for room in [0, 1] {
            let mut fixture = Fixture::new();
            fixture.register(1, Ready::READABLE, PollOpt::ONESHOT);
            fixture.register(2, Ready::READABLE, PollOpt::ONESHOT);
            fixture.afd.set(flags::RECEIVE);
            let mut seen = fixture.poll(room);
            assert_eq!(seen.len(), room);
            seen.extend(fixture.poll(8));
            assert_eq!(seen, [(1, Ready::READABLE), (2, Ready::READABLE)]);
            assert_eq!(fixture.poll(8), []);
        }
    }

    #[test]
    fn a_socket_registered_again_waits_for_its_cancelled_poll() {
        let mut fixture = Fixture::new();
        for _ in 0..3 {
            fixture.register(1, Ready::READABLE, PollOpt::LEVEL);
            fixture.deregister(1);
        }
        fixture.register(1, Ready::READABLE, PollOpt::LEVEL);
        fixture.afd.settle();
        assert_eq!(fixture.poll(8), []);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
    }

    #[test]
    fn a_closed_socket_ends_its_registration_and_no_other() {
        let closings: [fn(&mut Windows); 3] = [
            |afd| afd.complete(Answer::Flags(flags::LOCAL_CLOSE)),
            |afd| afd.complete(Answer::Failed(Failure::Gone(-1))),
            |afd| afd.set(flags::RECEIVE),
        ];
        for close in closings {
            let mut fixture = Fixture::new();
            fixture.register(1, Ready::READABLE, PollOpt::LEVEL);
            fixture.afd.closed.push(1);
            close(&mut fixture.afd);
            assert_eq!(fixture.poll(8), []);
            assert!(fixture.endpoint.is_empty());
            assert_eq!(fixture.endpoint.polling, Polling::Idle);

            let mut fixture = Fixture::new();
            fixture.register(1, Ready::READABLE, PollOpt::LEVEL);
            fixture.register(2, Ready::READABLE, PollOpt::LEVEL);
            fixture.afd.closed.push(1);
            close(&mut fixture.afd);
            assert_eq!(fixture.polls(1)[1], Ready::empty());
            fixture.afd.set(flags::RECEIVE);
            assert_eq!(fixture.polls(2)[2], Ready::READABLE);
        }
    }

    #[test]
    fn a_healthy_socket_has_no_error_when_memory_is_short() {
        let mut fixture = Fixture::new();
        fixture.register(1, BOTH, PollOpt::EDGE);
        fixture.afd.complete(Answer::Failed(Failure::Short(-2)));
        fixture.afd.short = true;
        assert_eq!(fixture.poll(8), [(1, BOTH)]);
        fixture.afd.short = false;
        fixture.drain(0, BOTH);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
    }

    #[test]
    fn a_registration_that_memory_is_short_for_is_not_made() {
        let mut fixture = Fixture::new();
        fixture.afd.short = true;
        let (interest, opts) = (Ready::READABLE, PollOpt::LEVEL);
        let refused = fixture
            .endpoint
            .register(&mut fixture.afd, 1, key(1, 1), interest, opts);
        assert_eq!(refused, Err(Failure::Short(-2)));
        assert!(fixture.endpoint.is_empty());
        assert_eq!(fixture.endpoint.polling, Polling::Idle);
    }

    #[test]
    fn a_change_that_memory_is_short_for_is_made_all_the_same() {
        let mut fixture = Fixture::new();
        fixture.register(1, Ready::READABLE, PollOpt::ONESHOT);
        fixture.afd.set(flags::RECEIVE | flags::SEND);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
        assert_eq!(fixture.poll(8), []);
        fixture.afd.short = true;
        let (key, opts) = (key(1, 1), PollOpt::ONESHOT);
        let changed = fixture
            .endpoint
            .reregister(&mut fixture.afd, key, Ready::WRITABLE, opts);
        assert_eq!(changed, Some(Err(Failure::Short(-2))));
        fixture.endpoint.set_due();
        fixture.afd.short = false;
        assert_eq!(fixture.poll(8), [(1, Ready::WRITABLE)]);
    }

    #[test]
    fn a_poll_that_was_begun_by_the_same_wait_needs_no_look() {
        let mut fixture = Fixture::new();
        fixture.register(1, Ready::READABLE, PollOpt::LEVEL);
        fixture.afd.set(flags::RECEIVE);
        for _ in 0..3 {
            assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
            assert_eq!(
                fixture.afd.looks, 1,
                "only the first poll was begun before its wait"
            );
        }
    }

    #[test]
    fn what_was_drained_during_the_wait_is_not_reported_and_stays_armed() {
        let mut fixture = Fixture::new();
        fixture.register(1, Ready::READABLE, PollOpt::EDGE);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
        fixture.drain(flags::RECEIVE, Ready::READABLE);
        assert_eq!(fixture.poll(8), []);
        // That wait has begun a poll, and is still under way.
        fixture.afd.set(flags::RECEIVE);
        fixture.drain(flags::RECEIVE, Ready::READABLE);
        let answer = fixture.afd.packets.pop_front().expect("a packet");
        assert_eq!(fixture.land(answer, Some(fixture.waits), 8), []);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
    }

    #[test]
    fn a_packet_from_before_a_reregistration_does_not_spend_the_new_oneshot() {
        let mut fixture = Fixture::new();
        fixture.register(1, Ready::READABLE, PollOpt::LEVEL);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
        fixture.afd.ready = 0;
        assert_eq!(fixture.poll(8), []);
        // The poll that this wait began completes, and what it reports is gone again.
        fixture.afd.set(flags::RECEIVE);
        fixture.afd.ready = 0;
        fixture.reregister(1, Ready::READABLE, PollOpt::ONESHOT);
        let answer = fixture.afd.packets.pop_front().expect("a packet");
        assert_eq!(fixture.land(answer, Some(fixture.waits), 8), []);
        fixture.afd.set(flags::RECEIVE);
        assert_eq!(fixture.poll(8), [(1, Ready::READABLE)]);
    }

    /// What a program and Windows can do, one after the other in every order.
    const STEPS: [fn(&mut Model); 9] = [
        |model| model.set(flags::RECEIVE),
        |model| model.set(flags::SEND),
        |model| model.drain(flags::RECEIVE, Ready::READABLE),
        |model| model.drain(flags::SEND, Ready::WRITABLE),
        |model| model.change(1, Ready::READABLE),
        |model| model.change(1, BOTH),
        |model| model.change(2, Ready::WRITABLE),
        |model| model.fixture.afd.settle(),
        |model| model.poll(),
    ];

    /// What each registration is owed, next to the endpoint that must report it.
    struct Model {
        fixture: Fixture,
        opts: PollOpt,
        interests: [Option<Ready>; 3],
        owed: [Ready; 3],
    }

    impl Model {
        fn owe(&mut self, flags: u32) {
            let ready = flags::readiness(flags);
            for (owed, interest) in self.owed.iter_mut().zip(self.interests) {
                *owed |= interest.map_or(Ready::empty(), |interest| interest & ready);
            }
        }

        /// A condition arises, or data is added to a condition that holds.
        fn set(&mut self, flags: u32) {
            if self.fixture.afd.ready & flags == 0 {
                self.owe(flags);
            }
            self.fixture.afd.set(flags);
        }

        fn drain(&mut self, flags: u32, direction: Ready) {
            self.fixture.drain(flags, direction);
            for owed in &mut self.owed {
                owed.remove(direction);
            }
        }

        /// Registers a socket, or changes its registration; ends it if it is as asked already.
        fn change(&mut self, socket: usize, interest: Ready) {
            self.owed[socket] = Ready::empty();
            match self.interests[socket] {
                Some(before) if before == interest => {
                    self.interests[socket] = None;
                    self.fixture.deregister(socket);
                    return;
                }
                Some(_) => self.fixture.reregister(socket, interest, self.opts),
                None => self.fixture.register(socket, interest, self.opts),
            }
            self.interests[socket] = Some(interest);
            self.owed[socket] = interest & flags::readiness(self.fixture.afd.ready);
        }

        fn see(&mut self, slot: usize, ready: Ready) {
            let interest = self.interests[slot].expect("an event of a registration that ended");
            assert!(interest.contains(ready), "outside the interest: {ready:?}");
            self.owed[slot].remove(ready);
        }

        fn poll(&mut self) {
            for (slot, ready) in self.fixture.poll(8) {
                self.see(slot, ready);
            }
        }

        /// When Windows has completed what it was asked, a few polls report all that is owed.
        fn finish(mut self) {
            for _ in 0..4 {
                self.fixture.afd.settle();
                self.poll();
            }
            assert_eq!(self.owed, [Ready::empty(); 3], "lost");
            self.fixture.endpoint.clear(&mut self.fixture.afd);
            self.fixture.polls(1);
            let Fixture { endpoint, afd, .. } = &self.fixture;
            assert!(endpoint.polling == Polling::Idle && endpoint.is_empty());
            assert!(afd.poll.is_none() && afd.packets.is_empty());
        }
    }

    #[test]
    fn nothing_is_lost_in_any_order_of_completions_and_cancellations() {
        // An emulated processor takes minutes for as many.
        let length = if testkit::on_qemu() { 4 } else { 6 };
        let count = STEPS.len();
        for opts in [PollOpt::EDGE, PollOpt::LEVEL] {
            for number in 0..count.pow(length) {
                let mut model = Model {
                    fixture: Fixture::new(),
                    opts,
                    interests: [None; 3],
                    owed: [Ready::empty(); 3],
                };
                model.change(1, BOTH);
                let mut rest = number;
                for _ in 0..length {
                    STEPS[rest % count](&mut model);
                    rest /= count;
                }
                model.finish();
            }
        }
    }
}
