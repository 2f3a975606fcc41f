//! What is asked of kqueue for an interest, and what its answers mean: plain values, without the
//! system's constants, so that any Unix can test them.

use token_ready::{PollOpt, Ready};

use super::DIRECTIONS;
use crate::key::{Index, Key, reported};

/// A filter of kqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Read,
    Write,
    /// Out-of-band data.
    Except,
    /// Reports that nobody reads a pipe any more, where `Write` cannot: see `kevent::BROKEN`.
    Broken,
}

impl Filter {
    const ALL: [Filter; 4] = [Filter::Read, Filter::Write, Filter::Except, Filter::Broken];
}

/// How a filter reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct How {
    /// Falls silent until the condition arises again.
    pub(super) clear: bool,
    /// Falls silent until it is enabled.
    pub(super) dispatch: bool,
    /// Is there for closed ends and errors alone; data must not set it off, where the system can
    /// be told so.
    pub(super) ends: bool,
}

/// A change of what kqueue watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Adds a filter, or updates it in place; the kernel then checks the source again.
    Add(Filter, How),
    Disable(Filter),
    Delete(Filter),
}

/// What a watch has to know of the system and of the source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kind {
    /// The system has a filter for out-of-band data.
    pub(super) has_except: bool,
    /// The source is the write end of a pipe whose `Write` filter never reports that nobody reads.
    pub(super) is_mute_writer: bool,
}

/// A source, as kqueue watches it.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) key: Key,
    interest: Ready,
    opts: PollOpt,
    filters: [Option<How>; Filter::ALL.len()],
    /// A oneshot that was reported.
    fired: bool,
}

/// What is to be done after a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// The filter fell silent, but its level holds: it is to be added again.
    Again(How),
    /// The other filters of a oneshot are to be silenced.
    Silence,
}

impl Watch {
    /// Plans the filters for an interest.
    pub(super) fn new(key: Key, interest: Ready, opts: PollOpt, kind: Kind) -> Watch {
        let (readable, writable) = (interest.is_readable(), interest.is_writable());
        // Never both for one filter: NetBSD tests CLEAR first, and would never disable the filter. A
        // oneshot reports once whether it is an edge or not.
        let how = |sparse: bool, ends: bool| How {
            clear: sparse || opts.is_edge() && !opts.is_oneshot(),
            dispatch: !sparse && opts.is_oneshot(),
            ends,
        };
        // A filter that may go off without anything to report would make a level spin.
        let direction = |wanted: bool, closed: bool, other: bool| match wanted {
            true => Some(how(false, false)),
            false => (closed || !other).then_some(how(true, true)),
        };
        let mut filters = [None; Filter::ALL.len()];
        filters[Filter::Read as usize] = direction(readable, interest.is_read_closed(), writable);
        filters[Filter::Write as usize] = direction(writable, interest.is_write_closed(), readable);
        filters[Filter::Except as usize] =
            (interest.is_priority() && kind.has_except).then_some(how(true, false));
        if kind.is_mute_writer {
            filters[Filter::Read as usize] = None;
            filters[Filter::Broken as usize] = Some(how(true, true));
        }
        Watch {
            key,
            interest,
            opts,
            filters,
            fired: false,
        }
    }

    /// The filters that stand.
    pub(super) fn filters(&self) -> impl Iterator<Item = (Filter, How)> {
        let all = Filter::ALL.into_iter();
        all.filter_map(|filter| self.how(filter).map(|how| (filter, how)))
    }

    fn how(&self, filter: Filter) -> Option<How> {
        self.filters[filter as usize]
    }

    pub(super) fn has(&self, filter: Filter) -> bool {
        self.how(filter).is_some()
    }

    /// Takes out a filter that the source does not have.
    pub(super) fn remove(&mut self, filter: Filter) {
        self.filters[filter as usize] = None;
    }

    /// Puts `Broken` in place of `Write`, which was refused; returns the changes that this takes.
    pub(super) fn break_off(&mut self) -> Vec<Change> {
        let Some(how) = self.filters[Filter::Write as usize].take() else {
            return Vec::new();
        };
        let watched = self.filters[Filter::Broken as usize].replace(how);
        let delete = watched.map(|_| Change::Delete(Filter::Broken));
        let changes = delete.into_iter().chain([Change::Add(Filter::Broken, how)]);
        changes.collect()
    }

    /// Returns the filter that a report of `filter` is about: where `Broken` is made of
    /// `EVFILT_READ`, the kernel reports it as `Read`.
    pub(super) fn resolve(&self, filter: Filter) -> Filter {
        if filter == Filter::Read && !self.has(Filter::Read) && self.has(Filter::Broken) {
            return Filter::Broken;
        }
        filter
    }

    /// Returns whether a report needs a look at the watch: because reports depend on one another, or
    /// to find the filter they are about.
    fn is_tracked(&self) -> bool {
        let several = self.filters().count() > 1;
        several && self.opts.is_oneshot()
            || self.has(Filter::Broken)
            || self.filters().any(|(filter, how)| sparse(filter, how))
    }

    /// What kqueue keeps with each filter: the generation, which is odd, with the lowest bit used
    /// to tell whether the watch has to be looked at. It fits a pointer of 32 bits.
    pub(super) fn mark(&self) -> u32 {
        self.key.generation() & !1 | u32::from(self.is_tracked())
    }

    /// The changes that put this watch in place of an older one.
    pub(super) fn replace(&self, old: Option<&Watch>) -> Vec<Change> {
        let mut changes = Vec::with_capacity(Filter::ALL.len());
        for filter in Filter::ALL {
            let (old, new) = (old.and_then(|old| old.how(filter)), self.how(filter));
            // Adding what is there renews all but the way it falls silent.
            let renewable =
                |old: How, new: How| (old.clear, old.dispatch) == (new.clear, new.dispatch);
            if old.is_some_and(|old| !new.is_some_and(|new| renewable(old, new))) {
                changes.push(Change::Delete(filter));
            }
            changes.extend(new.map(|how| Change::Add(filter, how)));
        }
        changes
    }

    /// The changes that put this watch back after another took its place.
    pub(super) fn restore(&self, other: &Watch) -> Vec<Change> {
        let mut changes = other.end();
        changes.extend(self.replace(None));
        if self.fired {
            changes.extend(self.filters().map(|(filter, _)| Change::Disable(filter)));
        }
        changes
    }

    pub(super) fn end(&self) -> Vec<Change> {
        let filters = self.filters();
        filters.map(|(filter, _)| Change::Delete(filter)).collect()
    }

    /// Takes from a report what is to be handed out; `merged` tells that it joins an event of the
    /// same batch.
    pub(super) fn report(&mut self, filter: Filter, ready: Ready, merged: bool) -> (Ready, Then) {
        let ready = ready & reported(self.interest);
        if ready.is_empty() || self.fired && !merged {
            return (Ready::empty(), Then::Nothing);
        }
        let then = if self.opts.is_oneshot() {
            if self.fired {
                Then::Nothing
            } else {
                Then::Silence
            }
        } else {
            self.how(filter)
                .filter(|how| !self.opts.is_edge() && sparse(filter, *how))
                .map_or(Then::Nothing, Then::Again)
        };
        self.fired = self.opts.is_oneshot();
        (ready, then)
    }
}

/// Returns whether a filter may go off with nothing to report.
fn sparse(filter: Filter, how: How) -> bool {
    how.ends || filter == Filter::Except
}

/// Reads what [`Watch::mark`] made: the key, and whether the watch has to be looked at.
pub(super) fn read_mark(index: Index, mark: u32) -> (Key, bool) {
    (Key::new(mark | 1, index), mark & 1 != 0)
}

/// Translates a filter's report. `eof` (`EV_EOF`) means that the filter's end is closed; `note`
/// (`fflags`) is then the number of the error that closed it, or zero. Otherwise it is what the
/// filter noted, of which `urgent` (`NOTE_OOB`) is out-of-band data.
pub(super) fn readiness(filter: Filter, eof: bool, note: u32, urgent: u32) -> Ready {
    let (ready, closed) = match filter {
        Filter::Read => (Ready::READABLE, Ready::READ_CLOSED),
        Filter::Write => (Ready::WRITABLE, Ready::WRITE_CLOSED),
        Filter::Except if eof => return Ready::READ_CLOSED,
        // Ordinary data sets off the filter on Apple's systems.
        Filter::Except if note & urgent == 0 => return Ready::empty(),
        Filter::Except => return Ready::PRIORITY,
        Filter::Broken => return Ready::WRITABLE | Ready::WRITE_CLOSED,
    };
    match (eof, note) {
        (false, _) => ready,
        (true, 0) => ready | closed,
        // What ends a connection with an error closes both its ends.
        (true, _) => Ready::READ_CLOSED | Ready::WRITE_CLOSED | hang_up(true),
    }
}

/// What a source that is closed altogether is: neither a read nor a write would block. `lost` tells
/// that it ended in an error, as it does for who writes to a pipe that nobody reads.
pub(super) fn hang_up(lost: bool) -> Ready {
    let ready = Ready::HUP | Ready::READABLE | Ready::WRITABLE;
    if lost { ready | Ready::ERROR } else { ready }
}

/// Which directions of `ready` another end than that of `filter` implies.
pub(super) fn implied(filter: Filter, ready: Ready) -> Ready {
    let own = match filter {
        Filter::Read => Ready::READABLE,
        Filter::Write | Filter::Broken => Ready::WRITABLE,
        Filter::Except => Ready::empty(),
    };
    (ready & DIRECTIONS) - own
}

/// Joins two reports on one source.
pub(super) fn merge(one: Ready, other: Ready) -> Ready {
    let mut ready = one | other;
    if ready.contains(Ready::READ_CLOSED | Ready::WRITE_CLOSED) {
        ready |= hang_up(false);
    }
    ready
}

/// Where in a batch each descriptor has its event.
#[derive(Default)]
pub(super) struct Places {
    batch: u32,
    /// By descriptor: the batch it was in last, and its place there.
    last: Vec<(u32, usize)>,
}

impl Places {
    pub(super) fn begin(&mut self) {
        self.batch = self.batch.wrapping_add(1);
        if self.batch == 0 {
            self.last.clear();
            self.batch = 1;
        }
    }

    pub(super) fn find(&self, descriptor: usize) -> Option<usize> {
        let &(batch, place) = self.last.get(descriptor)?;
        (batch == self.batch).then_some(place)
    }

    pub(super) fn put(&mut self, descriptor: usize, place: usize) {
        if self.last.len() <= descriptor {
            self.last.resize(descriptor + 1, (0, 0));
        }
        self.last[descriptor] = (self.batch, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Change::{Add, Delete, Disable};
    use Filter::{Broken, Except, Read, Write};

    const LEVEL: How = How {
        clear: false,
        dispatch: false,
        ends: false,
    };
    const EDGE: How = How {
        clear: true,
        ..LEVEL
    };
    const ONCE: How = How {
        dispatch: true,
        ..LEVEL
    };
    const ENDS: How = How { ends: true, ..EDGE };

    const EXCEPT: Kind = Kind {
        has_except: true,
        is_mute_writer: false,
    };
    const MUTE: Kind = Kind {
        has_except: true,
        is_mute_writer: true,
    };

    fn key(generation: u32) -> Key {
        Key::new(generation, Index::of_descriptor(5).unwrap())
    }

    #[test]
    fn the_other_direction_of_a_hang_up_is_implied() {
        let both = Ready::READABLE | Ready::WRITABLE;
        for (filter, expected) in [
            (Read, Ready::WRITABLE),
            (Write, Ready::READABLE),
            (Broken, Ready::READABLE),
            (Except, both),
        ] {
            assert_eq!(implied(filter, both | Ready::HUP), expected, "{filter:?}");
        }
        assert_eq!(implied(Read, Ready::READABLE), Ready::empty());
    }

    fn watch(interest: Ready, opts: PollOpt) -> Watch {
        Watch::new(key(7), interest, opts, EXCEPT)
    }

    #[test]
    fn interests_become_filters() {
        let both = Ready::READABLE | Ready::WRITABLE;
        type Row<'a> = (Ready, PollOpt, &'a [(Filter, How)]);
        let table: &[Row<'_>] = &[
            (Ready::READABLE, PollOpt::LEVEL, &[(Read, LEVEL)]),
            (Ready::WRITABLE, PollOpt::EDGE, &[(Write, EDGE)]),
            (both, PollOpt::ONESHOT, &[(Read, ONCE), (Write, ONCE)]),
            (
                both,
                PollOpt::ONESHOT | PollOpt::EDGE,
                // NetBSD would never disable a filter that has CLEAR as well.
                &[(Read, ONCE), (Write, ONCE)],
            ),
            (
                Ready::empty(),
                PollOpt::LEVEL,
                &[(Read, ENDS), (Write, ENDS)],
            ),
            (
                Ready::empty(),
                PollOpt::ONESHOT,
                &[(Read, ENDS), (Write, ENDS)],
            ),
            (
                Ready::READ_CLOSED,
                PollOpt::EDGE,
                &[(Read, ENDS), (Write, ENDS)],
            ),
            (
                Ready::WRITABLE | Ready::READ_CLOSED,
                PollOpt::LEVEL,
                &[(Read, ENDS), (Write, LEVEL)],
            ),
            (
                Ready::READABLE | Ready::PRIORITY,
                PollOpt::LEVEL,
                &[(Read, LEVEL), (Except, EDGE)],
            ),
            (
                Ready::PRIORITY,
                PollOpt::LEVEL,
                &[(Read, ENDS), (Write, ENDS), (Except, EDGE)],
            ),
        ];
        for &(interest, opts, expected) in table {
            let filters: Vec<_> = watch(interest, opts).filters().collect();
            assert_eq!(filters, expected, "{interest:?} {opts:?}");
        }
        let without = Watch::new(key(7), Ready::PRIORITY, PollOpt::LEVEL, Kind::default());
        assert!(!without.has(Except));
    }

    #[test]
    fn reports_become_readiness() {
        const URGENT: u32 = 2;
        let reset = Ready::all() - Ready::PRIORITY;
        let table = [
            (Read, false, 0, Ready::READABLE),
            (Read, true, 0, Ready::READABLE | Ready::READ_CLOSED),
            (Read, true, 104, reset),
            (Write, false, 0, Ready::WRITABLE),
            (Write, true, 0, Ready::WRITABLE | Ready::WRITE_CLOSED),
            (Write, true, 111, reset),
            (Except, false, URGENT, Ready::PRIORITY),
            (Except, false, 0, Ready::empty()),
            (Except, false, 1, Ready::empty()),
            (Except, true, URGENT, Ready::READ_CLOSED),
            (Broken, false, 0, Ready::WRITABLE | Ready::WRITE_CLOSED),
            (Broken, true, 0, Ready::WRITABLE | Ready::WRITE_CLOSED),
        ];
        for (filter, eof, note, expected) in table {
            let ready = readiness(filter, eof, note, URGENT);
            assert_eq!(ready, expected, "{filter:?} {eof} {note}");
        }
        let over = Ready::READABLE | Ready::WRITABLE | Ready::HUP;
        assert_eq!(hang_up(false), over);
        assert_eq!(hang_up(true), over | Ready::ERROR);
    }

    #[test]
    fn both_ends_closed_are_a_hang_up() {
        let read = Ready::READABLE | Ready::READ_CLOSED;
        let write = Ready::WRITABLE | Ready::WRITE_CLOSED;
        assert!(!merge(read, Ready::WRITABLE).is_hup());
        assert!(!merge(Ready::READABLE, write).is_hup());
        assert_eq!(merge(read, write), read | write | Ready::HUP);
        assert_eq!(merge(read, Ready::READABLE), read);
    }

    #[test]
    fn a_watch_is_renewed_in_place_where_its_filters_stay_as_they_were() {
        let (level, edge) = (PollOpt::LEVEL, PollOpt::EDGE);
        let read = watch(Ready::READABLE, level);
        let both = watch(Ready::READABLE | Ready::WRITABLE, level);
        let edge_read = watch(Ready::READABLE, edge);
        let ends = watch(Ready::empty(), edge);
        let table: &[(&Watch, Option<&Watch>, &[Change])] = &[
            (&read, None, &[Add(Read, LEVEL)]),
            (&read, Some(&read), &[Add(Read, LEVEL)]),
            (&both, Some(&read), &[Add(Read, LEVEL), Add(Write, LEVEL)]),
            (&read, Some(&both), &[Add(Read, LEVEL), Delete(Write)]),
            (&edge_read, Some(&read), &[Delete(Read), Add(Read, EDGE)]),
            (&edge_read, Some(&ends), &[Add(Read, EDGE), Delete(Write)]),
        ];
        for &(new, old, expected) in table {
            assert_eq!(new.replace(old), expected, "{old:?} -> {new:?}");
        }
    }

    #[test]
    fn a_watch_is_put_back_as_it_was() {
        let mut old = watch(Ready::READABLE, PollOpt::ONESHOT);
        let new = watch(Ready::WRITABLE, PollOpt::LEVEL);
        let back = [Delete(Write), Add(Read, ONCE)];
        assert_eq!(old.restore(&new), back);
        old.report(Read, Ready::READABLE, false);
        assert_eq!(old.restore(&new).last(), Some(&Disable(Read)));
    }

    #[test]
    fn a_mark_carries_generation_and_whether_to_look() {
        let both = Ready::READABLE | Ready::WRITABLE;
        let table = [
            (Ready::READABLE, PollOpt::LEVEL, false),
            (both, PollOpt::EDGE, false),
            (Ready::READABLE, PollOpt::ONESHOT, false),
            (both, PollOpt::ONESHOT, true),
            (Ready::empty(), PollOpt::LEVEL, true),
            (Ready::READABLE | Ready::PRIORITY, PollOpt::EDGE, true),
        ];
        for (interest, opts, tracked) in table {
            for generation in [1, 7, u32::MAX] {
                let key = key(generation);
                let mark = Watch::new(key, interest, opts, EXCEPT).mark();
                let read = read_mark(key.index(), mark);
                assert_eq!(read, (key, tracked), "{interest:?} {opts:?}");
            }
        }
    }

    #[test]
    fn a_oneshot_on_both_directions_reports_one_event() {
        let mut watch = watch(Ready::READABLE | Ready::WRITABLE, PollOpt::ONESHOT);
        let first = watch.report(Read, Ready::READABLE, false);
        assert_eq!(first, (Ready::READABLE, Then::Silence));
        // In the same batch, and in another.
        let joined = watch.report(Write, Ready::WRITABLE, true);
        assert_eq!(joined, (Ready::WRITABLE, Then::Nothing));
        let late = watch.report(Write, Ready::WRITABLE, false);
        assert_eq!(late, (Ready::empty(), Then::Nothing));
    }

    #[test]
    fn an_empty_interest_reports_a_hang_up_at_every_poll_and_nothing_else() {
        let mut watch = watch(Ready::empty(), PollOpt::LEVEL);
        for ready in [Ready::READABLE, Ready::READABLE | Ready::READ_CLOSED] {
            let report = watch.report(Read, ready, false);
            assert_eq!(report, (Ready::empty(), Then::Nothing), "{ready:?}");
        }
        let closed = Ready::WRITABLE | Ready::WRITE_CLOSED | Ready::HUP;
        for _ in 0..2 {
            let report = watch.report(Write, closed, false);
            assert_eq!(report, (Ready::HUP, Then::Again(ENDS)));
        }
    }

    #[test]
    fn a_broken_pipe_keeps_the_way_it_was_to_report() {
        let mut watch = watch(Ready::WRITABLE, PollOpt::ONESHOT);
        assert_eq!(watch.break_off(), [Add(Broken, ONCE)]);
        assert!(!watch.has(Write));
        assert_eq!(watch.end(), [Delete(Broken)]);
        watch.remove(Broken);
        assert!(!watch.has(Broken));
        assert_eq!(watch.break_off(), []);
    }

    #[test]
    fn a_mute_pipe_writer_is_watched_for_its_reader_by_a_second_filter() {
        let mut watch = Watch::new(key(7), Ready::WRITABLE, PollOpt::LEVEL, MUTE);
        let filters: Vec<_> = watch.filters().collect();
        assert_eq!(filters, [(Write, LEVEL), (Broken, ENDS)]);
        assert_eq!(watch.resolve(Read), Broken);
        assert_eq!(watch.resolve(Write), Write);
        assert!(read_mark(watch.key.index(), watch.mark()).1);

        // Reported at every poll, although the filter has CLEAR.
        let gone = Ready::WRITABLE | Ready::WRITE_CLOSED | Ready::HUP | Ready::ERROR;
        for _ in 0..2 {
            assert_eq!(watch.report(Broken, gone, false), (gone, Then::Again(ENDS)));
        }

        // Without a reader from the start the kernel refuses `Write`.
        assert_eq!(watch.break_off(), [Delete(Broken), Add(Broken, LEVEL)]);
        assert!(read_mark(watch.key.index(), watch.mark()).1);
        let report = watch.report(Broken, gone, false);
        assert_eq!(report, (gone, Then::Nothing));
    }

    #[test]
    fn a_source_that_is_read_reports_reading() {
        let watch = watch(Ready::READABLE, PollOpt::LEVEL);
        assert_eq!(watch.resolve(Read), Read);
    }

    #[test]
    fn places_hold_for_one_batch() {
        let mut places = Places::default();
        for _ in 0..3 {
            places.begin();
            assert_eq!(places.find(9), None);
            places.put(9, 4);
            places.put(2, 1);
            assert_eq!((places.find(9), places.find(2)), (Some(4), Some(1)));
            assert_eq!(places.find(3), None);
        }
        places.batch = u32::MAX;
        places.put(9, 4);
        places.begin();
        assert_eq!(places.find(9), None);
        assert_eq!(places.find(0), None);
    }
}
