//! The batch of events that a poll returns.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use token_ready::Event;

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
    pub(crate) raw: Vec<RawEvent>,
    capacity: usize,
    /// The table of the `Poll` that filled the batch.
    table: Option<Arc<Table>>,
    /// Whose turn it is when there is room for one event only.
    system_first: bool,
    pub(crate) scratch: Scratch,
}

impl Events {
    /// Makes a batch with room for `capacity` events; at least for one, so that a poll always
    /// gets on.
    ///
    /// What does not fit into a batch is not lost: the next poll returns it.
    pub fn with_capacity(capacity: usize) -> Events {
        let capacity = capacity.max(1);
        Events {
            raw: Vec::with_capacity(capacity),
            capacity,
            table: None,
            system_first: false,
            scratch: Scratch::default(),
        }
    }

    /// Returns the most events that one poll can return.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many events the last poll returned.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Tells whether the last poll returned no event.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Returns the event at `index`, unless its registration has ended since the poll, or there is
    /// none at `index`.
    pub fn get(&self, index: usize) -> Option<Event> {
        resolve(self.table.as_deref()?, self.raw.get(index)?)
    }

    /// Returns an iterator over the events.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            raw: self.raw.iter(),
            table: self.table.as_deref(),
        }
    }

    /// Drops all events of the batch.
    pub fn clear(&mut self) {
        self.raw.clear();
    }

    /// Empties the batch for a poll on `table`.
    pub(crate) fn begin(&mut self, table: &Arc<Table>) {
        self.raw.clear();
        if !self
            .table
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, table))
        {
            self.table = Some(Arc::clone(table));
        }
    }

    /// Takes out the events from `start` on that belong to no registration.
    pub(crate) fn drop_stale(&mut self, start: usize, table: &Table) {
        let mut kept = start;
        for at in start..self.raw.len() {
            let event = self.raw[at];
            let key = event.key();
            if table.is_live(key) {
                self.raw[kept] = event;
                kept += 1;
            } else if key != Key::WAKE {
                table.counters.stale.add(1);
            }
        }
        self.raw.truncate(kept);
    }

    /// Tells whether the system comes before the queue: every other time where there is room for
    /// one event alone.
    pub(crate) fn system_first(&mut self) -> bool {
        self.system_first = self.capacity == 1 && !self.system_first;
        self.system_first
    }
}

#[inline]
fn resolve(table: &Table, raw: &RawEvent) -> Option<Event> {
    let Some((token, reported)) = table.resolve(raw.key()) else {
        table.counters.stale.add(1);
        return None;
    };
    Some(Event::new(raw.readiness() & reported, token))
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
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
    raw: std::slice::Iter<'a, RawEvent>,
    table: Option<&'a Table>,
}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        let table = self.table?;
        self.raw.by_ref().find_map(|raw| resolve(table, raw))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.raw.len()))
    }
}

impl FusedIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
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
