//! The batch of events that a poll returns.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use token_ready::{Event, Ready, Token};

use crate::key::{Index, Key};
use crate::queue::Rest;
use crate::shared::Shared;
use crate::stats::Tally;
use crate::sys::{RawEvent, Scratch};

/// A batch of events, filled by [`Poll::poll`](crate::Poll::poll) and reused from poll to poll.
///
/// Each event is checked as it is read, and from then on is a plain value: it does not notice what
/// another thread drops afterwards, see [`Batches`](crate::Batches). It is left out if the handler of an earlier event dropped or
/// deregistered the source, or reregistered it with an interest in none of the event's kinds. So
/// [`len`](Events::len) is an upper bound on what the iterator yields. After a `reregister` the event
/// has the new token, and of its kinds those within the new interest.
///
/// Give each `Poll` a batch of its own. One that goes from one `Poll` to another leaves the first and joins
/// the second at every change: that is an allocation and two locks more.
///
/// ```
/// use readywire::{Events, Poll};
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
    /// The events as the backend and the queue wrote them: each is looked up as it is handed out,
    /// which tells at once what it stands for and whether it still does.
    pub(crate) raw: Vec<RawEvent>,
    /// The tokens of wakes, which outlive their wakers.
    wakes: Vec<Token>,
    capacity: usize,
    /// The `Poll` that filled the batch.
    filler: Option<Filler>,
    /// All that the last look brought was left out.
    pub(crate) emptied: bool,
    /// A silent waker wants the poll to end.
    pub(crate) woken: bool,
    pub(crate) scratch: Scratch,
}

/// What a batch keeps of the `Poll` that filled it.
struct Filler {
    shared: Arc<Shared>,
    tally: Arc<Tally>,
    rest: Rest,
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.shared.counters.close(&self.tally);
        self.shared.sleep.give_back(self.rest);
    }
}

impl Events {
    /// Makes a batch with room for `capacity` events; at least for one, so that a poll always
    /// gets on.
    ///
    /// What does not fit into a batch is not lost: the next poll returns it.
    ///
    /// # Panics
    /// If the batch would be larger than `isize::MAX` bytes. An event takes at most 16.
    pub fn with_capacity(capacity: usize) -> Events {
        let capacity = capacity.max(1);
        Events {
            raw: Vec::with_capacity(capacity),
            wakes: Vec::new(),
            capacity,
            filler: None,
            emptied: false,
            woken: false,
            scratch: Scratch::default(),
        }
    }

    /// Returns the most events that one poll can return.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many events the last poll returned: at most so many are handed out.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Returns whether the last poll returned no event.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Returns the event at `index`; `None` if it is left out, or if there is none at `index`.
    pub fn get(&self, index: usize) -> Option<Event> {
        let shared = &self.filler.as_ref()?.shared;
        shared.hand_out(self.raw.get(index)?, &self.wakes)
    }

    /// Returns an iterator over the events.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            shared: self.filler.as_ref().map(|filler| &*filler.shared),
            batch: self.raw.iter(),
            wakes: &self.wakes,
        }
    }

    /// Drops all events of the batch.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.wakes.clear();
    }

    /// Adds a wake, whose event no longer depends on its waker.
    pub(crate) fn push_wake(&mut self, token: Token) {
        // There are at most as many as cells.
        let key = Key::new(self.wakes.len() as u32, Index::WAKE_IN_BATCH);
        self.raw
            .push(RawEvent::new(key, Ready::READABLE, Ready::empty()));
        self.wakes.push(token);
    }

    /// Empties the batch for a poll of the `Poll` that shares this.
    #[inline]
    pub(crate) fn begin(&mut self, shared: &Arc<Shared>) {
        self.clear();
        (self.emptied, self.woken) = (false, false);
        let filled_by = self.filler.as_ref().map(|filler| &filler.shared);
        if !filled_by.is_some_and(|filler| Arc::ptr_eq(filler, shared)) {
            self.serve(shared);
        }
    }

    /// Goes over to another `Poll`.
    #[cold]
    fn serve(&mut self, shared: &Arc<Shared>) {
        self.filler = Some(Filler {
            shared: Arc::clone(shared),
            tally: shared.counters.tally(),
            rest: shared.sleep.take_seat(),
        });
    }

    /// How the owner of the batch sleeps.
    #[inline]
    pub(crate) fn rest(&self) -> Rest {
        self.filler
            .as_ref()
            .map_or(Rest::Standing, |filler| filler.rest)
    }

    /// Counts a poll that is done.
    #[inline]
    pub(crate) fn count(&self) {
        if let Some(filler) = &self.filler {
            filler.tally.add_poll(self.raw.len());
        }
    }

    /// Sees to it that a batch which is not empty has an event to hand out: then the poll is done.
    ///
    /// Nearly always the first event is one, and what else there is in the batch is looked up once,
    /// when it is handed out. `woken` tells that the backend's own wake may be among the events.
    #[inline(always)]
    pub(crate) fn settle(&mut self, shared: &Shared, woken: bool) {
        if let Some(first) = self.raw.first() {
            if woken || shared.event(first).is_none() {
                self.weed(shared);
            }
        }
    }

    /// Returns whether [`settle`](Events::settle) would certainly do nothing to a batch that is not empty.
    #[inline]
    pub(crate) fn is_settled(&self, shared: &Shared) -> bool {
        self.raw.first().is_some_and(|first| {
            let mask = shared.table.resolve_near(first.key());
            mask.is_some_and(|(_, mask)| !first.kinds().masked(mask).is_empty())
        })
    }

    /// Leaves out all that is not to be handed out.
    #[cold]
    fn weed(&mut self, shared: &Shared) {
        let wakes = &self.wakes;
        self.raw.retain(|raw| shared.hand_out(raw, wakes).is_some());
        self.emptied = self.raw.is_empty();
    }
}

impl Shared {
    /// Returns an event unless it is stale, and counts one that is.
    #[inline]
    fn hand_out(&self, raw: &RawEvent, wakes: &[Token]) -> Option<Event> {
        let event = self.event(raw);
        if event.is_none() {
            return self.hand_out_wake(raw.key(), wakes);
        }
        event
    }

    /// Returns the event of a wake, which no table knows, and counts any other as stale.
    #[inline(never)]
    fn hand_out_wake(&self, key: Key, wakes: &[Token]) -> Option<Event> {
        let wake = wake(key, wakes);
        // The backend's own wake was never a registration.
        if wake.is_none() && key != Key::WAKE {
            self.counters.stale.add(1);
        }
        wake
    }

    /// Returns an event, unless its registration has ended or has another interest by now.
    #[inline(always)]
    fn event(&self, raw: &RawEvent) -> Option<Event> {
        let (token, mask) = self.table.resolve(raw.key())?;
        let kinds = raw.kinds().masked(mask);
        (!kinds.is_empty()).then(|| Event::of(kinds, token))
    }
}

/// Returns the event of a wake.
fn wake(key: Key, wakes: &[Token]) -> Option<Event> {
    let is_wake = key.index() == Index::WAKE_IN_BATCH;
    let token = wakes.get(key.generation() as usize).filter(|_| is_wake)?;
    Some(Event::new(Ready::READABLE, *token))
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().fmt(f)
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    #[inline]
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
    shared: Option<&'a Shared>,
    batch: std::slice::Iter<'a, RawEvent>,
    wakes: &'a [Token],
}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        let shared = self.shared?;
        let wakes = self.wakes;
        self.batch.find_map(|raw| shared.hand_out(raw, wakes))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.batch.len()))
    }
}

impl FusedIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch = self.batch.clone();
        let event = |raw: &RawEvent| {
            let event = self.shared?.event(raw);
            event.or_else(|| wake(raw.key(), self.wakes))
        };
        let events = batch.filter_map(event);
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::key::Meta;
    use token_ready::PollOpt;

    #[test]
    fn a_batch_whose_only_event_is_outside_the_interest_by_now_is_emptied() {
        let shared = Arc::<Shared>::default();
        let entry = shared.table.lock(Index(3));
        let meta = |interest| Meta {
            interest,
            opts: PollOpt::LEVEL,
            owned: true,
        };
        let key = entry.publish(Token(1), meta(Ready::READABLE));
        let mut events = Events::with_capacity(8);
        events.begin(&shared);
        events
            .raw
            .push(RawEvent::new(key, Ready::READABLE, Ready::empty()));
        assert!(events.is_settled(&shared));
        events.settle(&shared, false);
        assert_eq!(events.iter().count(), 1);

        // As another thread does it between the system's call and the return of the poll.
        entry.change(key, Token(2), meta(Ready::WRITABLE));
        assert!(!events.is_settled(&shared));
        events.settle(&shared, false);
        assert!(events.is_empty() && events.emptied);
    }

    #[test]
    fn a_batch_that_goes_leaves_its_seat_and_its_counts() {
        let shared = Arc::<Shared>::default();
        let begin = || {
            let mut events = Events::with_capacity(1);
            events.begin(&shared);
            events.count();
            events
        };
        let [first, second] = [begin(), begin()];
        assert_eq!(
            (first.rest(), second.rest()),
            (Rest::Seated, Rest::Standing)
        );
        drop(first);
        assert_eq!(begin().rest(), Rest::Seated);
        assert_eq!(shared.counters.read().polls, 3);
        // The table, and the batch that is left.
        assert_eq!(Arc::strong_count(&shared), 2);
    }
}
