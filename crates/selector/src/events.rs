//! The batch of events that a poll returns.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use token_ready::Event;

use crate::stats::Tally;
use crate::sys::{RawEvent, Scratch};
use crate::table::{Key, Table};

/// A batch of events, filled by [`Poll::poll`](crate::Poll::poll) and reused from poll to poll.
///
/// Each event is checked as it is read: if its registration has ended in the meantime, because
/// the handler of an earlier event dropped, deregistered or reregistered the source, it is left
/// out. So [`len`](Events::len) is an upper bound on what the iterator yields.
///
/// ```
/// use selector::{Events, Poll};
/// use std::time::Duration;
///
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(1024);
/// poll.poll(&mut events, Some(Duration::from_millis(1)))?;
/// for event in &events {
///     println!("{:?} is ready for {:?}", event.token(), event.readiness());
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Events {
    batch: Vec<Found>,
    capacity: usize,
    /// The `Poll` that filled the batch.
    filler: Option<Filler>,
    /// What [`Table::ends`] was before the batch was looked up.
    ends: usize,
    /// Where the backend writes.
    pub(crate) raw: Vec<RawEvent>,
    pub(crate) scratch: Scratch,
}

/// An event as it was found at the poll.
#[derive(Clone, Copy)]
struct Found {
    key: Key,
    event: Event,
}

/// What a batch keeps of the `Poll` that filled it.
struct Filler {
    table: Arc<Table>,
    tally: Arc<Tally>,
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.table.counters.close(&self.tally);
    }
}

impl Events {
    /// Makes a batch with room for `capacity` events; at least for one, so that a poll always
    /// gets on.
    ///
    /// What does not fit into a batch is not lost: the next poll returns it.
    pub fn with_capacity(capacity: usize) -> Events {
        let capacity = capacity.max(1);
        Events {
            batch: Vec::with_capacity(capacity),
            capacity,
            filler: None,
            ends: 0,
            raw: Vec::with_capacity(capacity),
            scratch: Scratch::default(),
        }
    }

    /// Returns the most events that one poll can return.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many events the last poll returned.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Tells whether the last poll returned no event.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Returns the event at `index`, unless its registration has ended since the poll, or there is
    /// none at `index`.
    pub fn get(&self, index: usize) -> Option<Event> {
        self.hand_out(self.batch.get(index)?)
    }

    /// Returns an iterator over the events.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            events: self,
            batch: self.batch.iter(),
        }
    }

    /// Drops all events of the batch.
    pub fn clear(&mut self) {
        self.batch.clear();
    }

    /// Empties the batch for a poll on `table`.
    #[inline]
    pub(crate) fn begin(&mut self, table: &Arc<Table>) {
        self.batch.clear();
        let filled_by = self.filler.as_ref().map(|filler| &filler.table);
        if !filled_by.is_some_and(|filler| Arc::ptr_eq(filler, table)) {
            self.filler = Some(Filler {
                table: Arc::clone(table),
                tally: table.counters.tally(),
            });
        }
    }

    /// Counts a poll that is done.
    #[inline]
    pub(crate) fn count(&self) {
        if let Some(filler) = &self.filler {
            filler.tally.add_poll(self.batch.len());
        }
    }

    /// Looks up what the backend or the queue wrote, and leaves out what belongs to no
    /// registration.
    #[inline]
    pub(crate) fn take_in(&mut self, table: &Table) {
        if self.batch.is_empty() {
            self.ends = table.ends();
        }
        for raw in &self.raw {
            let key = raw.key();
            match table.resolve(key) {
                Some((token, reported)) => self.batch.push(Found {
                    key,
                    event: Event::new(raw.readiness() & reported, token),
                }),
                None if key == Key::WAKE => {}
                None => table.counters.stale.add(1),
            }
        }
        self.raw.clear();
    }

    /// Returns an event if its registration still stands.
    #[inline]
    fn live(&self, found: &Found) -> Option<Event> {
        let table = &self.filler.as_ref()?.table;
        let live = table.ends() == self.ends || table.is_live(found.key);
        live.then_some(found.event)
    }

    /// Does as [`live`](Events::live) to hand the event out, and counts one that is not.
    #[inline]
    fn hand_out(&self, found: &Found) -> Option<Event> {
        let event = self.live(found);
        if let (None, Some(filler)) = (event, &self.filler) {
            filler.table.counters.stale.add(1);
        }
        event
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().fmt(f)
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Events {
    type Item = Event;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter {
            events: self,
            next: 0,
        }
    }
}

/// An iterator over the events of a batch, made by [`Events::iter`].
#[derive(Clone)]
pub struct Iter<'a> {
    events: &'a Events,
    batch: std::slice::Iter<'a, Found>,
}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.batch
            .by_ref()
            .find_map(|found| self.events.hand_out(found))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.batch.len()))
    }
}

impl FusedIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self
            .batch
            .clone()
            .filter_map(|found| self.events.live(found));
        f.debug_list().entries(events).finish()
    }
}

/// An iterator that owns the batch it runs over, made by `Events::into_iter`.
#[derive(Debug)]
pub struct IntoIter {
    events: Events,
    next: usize,
}

impl Iterator for IntoIter {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        while self.next < self.events.len() {
            self.next += 1;
            let event = self.events.get(self.next - 1);
            if event.is_some() {
                return event;
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.events.len() - self.next))
    }
}

impl FusedIterator for IntoIter {}
