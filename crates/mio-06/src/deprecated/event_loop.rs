//! The event loop, its handler, and how it is sent messages.

use std::error;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::event::Evented;
use crate::timer::{self, Timeout, Timer};
use crate::{Events, Poll, PollOpt, Ready, Token, channel};

const NOTIFY: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);

/// Sets what an [`EventLoop`] is made with.
#[derive(Clone, Debug)]
pub struct EventLoopBuilder {
    notify_capacity: usize,
    messages_per_tick: usize,
    timer_tick: Duration,
}

impl EventLoopBuilder {
    /// Begins with the defaults.
    pub fn new() -> EventLoopBuilder {
        EventLoopBuilder {
            notify_capacity: 4096,
            messages_per_tick: 256,
            timer_tick: Duration::from_millis(100),
        }
    }

    /// Sets how many messages may wait to be handled; 4,096 by default.
    pub fn notify_capacity(&mut self, capacity: usize) -> &mut Self {
        self.notify_capacity = capacity;
        self
    }

    /// Sets how many messages are handled between two polls; 256 by default.
    pub fn messages_per_tick(&mut self, messages: usize) -> &mut Self {
        self.messages_per_tick = messages;
        self
    }

    /// Sets how fine timeouts are; 100 ms by default.
    pub fn timer_tick(&mut self, tick: Duration) -> &mut Self {
        self.timer_tick = tick;
        self
    }

    /// Does nothing: the timer has no wheel.
    pub fn timer_wheel_size(&mut self, _size: usize) -> &mut Self {
        self
    }

    /// Does nothing: the timer has room for any number of timeouts.
    pub fn timer_capacity(&mut self, _capacity: usize) -> &mut Self {
        self
    }

    /// Makes the loop, which does not run yet.
    ///
    /// # Errors
    /// Those of [`Poll::new`], and of making a thread.
    pub fn build<H: Handler>(self) -> io::Result<EventLoop<H>> {
        let poll = Poll::new()?;
        let timer = timer::Builder::default()
            .tick_duration(self.timer_tick)
            .build();
        let (sender, receiver) = channel::sync_channel(self.notify_capacity);
        poll.register(&receiver, NOTIFY, Ready::readable(), once())?;
        poll.register(&timer, TIMER, Ready::readable(), PollOpt::edge())?;
        Ok(EventLoop {
            is_running: true,
            poll,
            events: Events::with_capacity(1024),
            timer,
            sender,
            receiver,
            messages_per_tick: self.messages_per_tick,
        })
    }
}

impl Default for EventLoopBuilder {
    fn default() -> EventLoopBuilder {
        EventLoopBuilder::new()
    }
}

fn once() -> PollOpt {
    PollOpt::edge() | PollOpt::oneshot()
}

/// What an [`EventLoop`] calls.
pub trait Handler: Sized {
    /// The state of a timeout.
    type Timeout;
    /// What [`Sender`]s send.
    type Message;

    /// A source is ready.
    fn ready(&mut self, _event_loop: &mut EventLoop<Self>, _token: Token, _events: Ready) {}

    /// A message has arrived.
    fn notify(&mut self, _event_loop: &mut EventLoop<Self>, _message: Self::Message) {}

    /// A timeout is over.
    fn timeout(&mut self, _event_loop: &mut EventLoop<Self>, _timeout: Self::Timeout) {}

    /// A signal has ended the poll.
    fn interrupted(&mut self, _event_loop: &mut EventLoop<Self>) {}

    /// All events of a poll were handled.
    fn tick(&mut self, _event_loop: &mut EventLoop<Self>) {}
}

/// Polls, and calls a [`Handler`] for each event, message and timeout.
pub struct EventLoop<H: Handler> {
    is_running: bool,
    poll: Poll,
    events: Events,
    timer: Timer<H::Timeout>,
    sender: channel::SyncSender<H::Message>,
    receiver: channel::Receiver<H::Message>,
    messages_per_tick: usize,
}

impl<H: Handler> EventLoop<H> {
    /// Makes a loop with the defaults, which does not run yet.
    ///
    /// # Errors
    /// Those of [`EventLoopBuilder::build`].
    pub fn new() -> io::Result<EventLoop<H>> {
        EventLoopBuilder::new().build()
    }

    /// Returns a handle by which other threads send messages.
    pub fn channel(&self) -> Sender<H::Message> {
        Sender {
            inner: self.sender.clone(),
        }
    }

    /// Begins a timeout.
    ///
    /// # Errors
    /// None.
    pub fn timeout(&mut self, state: H::Timeout, delay: Duration) -> timer::Result<Timeout> {
        self.timer.set_timeout(delay, state)
    }

    /// Cancels a timeout; returns whether it was not over.
    pub fn clear_timeout(&mut self, timeout: &Timeout) -> bool {
        self.timer.cancel_timeout(timeout).is_some()
    }

    /// Has the loop end once the events of this poll are handled.
    pub fn shutdown(&mut self) {
        self.is_running = false;
    }

    /// Returns whether the loop was not told to end.
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// Registers a source.
    ///
    /// # Errors
    /// Those of [`Poll::register`].
    pub fn register<E: Evented + ?Sized>(
        &mut self,
        source: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.poll.register(source, token, interest, opts)
    }

    /// Changes the registration of a source.
    ///
    /// # Errors
    /// Those of [`Poll::reregister`].
    pub fn reregister<E: Evented + ?Sized>(
        &mut self,
        source: &E,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.poll.reregister(source, token, interest, opts)
    }

    /// Ends the registration of a source.
    ///
    /// # Errors
    /// Those of [`Poll::deregister`].
    pub fn deregister<E: Evented + ?Sized>(&mut self, source: &E) -> io::Result<()> {
        self.poll.deregister(source)
    }

    /// Runs until the loop is told to end.
    ///
    /// # Errors
    /// Those of [`Poll::poll`].
    pub fn run(&mut self, handler: &mut H) -> io::Result<()> {
        self.is_running = true;
        while self.is_running {
            self.run_once(handler, None)?;
        }
        Ok(())
    }

    /// Polls once and handles what there is.
    ///
    /// # Errors
    /// Those of [`Poll::poll`].
    pub fn run_once(&mut self, handler: &mut H, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => handler.interrupted(self),
            Err(error) => return Err(error),
        }
        for index in 0..self.events.len() {
            let Some(event) = self.events.get(index) else {
                break;
            };
            match event.token() {
                NOTIFY => self.handle_messages(handler)?,
                TIMER => self.handle_timeouts(handler),
                token => handler.ready(self, token, event.readiness()),
            }
        }
        handler.tick(self);
        Ok(())
    }

    fn handle_messages(&mut self, handler: &mut H) -> io::Result<()> {
        for _ in 0..self.messages_per_tick {
            let Ok(message) = self.receiver.try_recv() else {
                break;
            };
            handler.notify(self, message);
        }
        self.poll
            .reregister(&self.receiver, NOTIFY, Ready::readable(), once())
    }

    fn handle_timeouts(&mut self, handler: &mut H) {
        while let Some(state) = self.timer.poll() {
            handler.timeout(self, state);
        }
    }
}

impl<H: Handler> fmt::Debug for EventLoop<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("run", &self.is_running)
            .field("poll", &self.poll)
            .finish_non_exhaustive()
    }
}

/// Sends messages to the handler of an [`EventLoop`], from any thread.
pub struct Sender<M> {
    inner: channel::SyncSender<M>,
}

impl<M> Sender<M> {
    /// Sends a message.
    ///
    /// # Errors
    /// `Full` if there is no room; `Closed` if the loop is gone.
    pub fn send(&self, message: M) -> Result<(), NotifyError<M>> {
        Ok(self.inner.try_send(message)?)
    }
}

impl<M> Clone for Sender<M> {
    fn clone(&self) -> Sender<M> {
        Sender {
            inner: self.inner.clone(),
        }
    }
}

impl<M> fmt::Debug for Sender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The error of sending a message to an [`EventLoop`].
pub enum NotifyError<M> {
    /// The message is in the queue of the loop, but the loop could not be woken.
    Io(io::Error),
    /// There is no room.
    Full(M),
    /// The loop is gone.
    Closed(Option<M>),
}

impl<M> From<channel::TrySendError<M>> for NotifyError<M> {
    fn from(error: channel::TrySendError<M>) -> NotifyError<M> {
        match error {
            channel::TrySendError::Io(error) => NotifyError::Io(error),
            channel::TrySendError::Full(message) => NotifyError::Full(message),
            channel::TrySendError::Disconnected(message) => NotifyError::Closed(Some(message)),
        }
    }
}

impl<M> fmt::Display for NotifyError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotifyError::Io(error) => write!(f, "IO error: {error}"),
            NotifyError::Full(_) => f.write_str("Full"),
            NotifyError::Closed(_) => f.write_str("Closed"),
        }
    }
}

/// Messages need no `Debug`.
impl<M> fmt::Debug for NotifyError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotifyError::Io(error) => write!(f, "NotifyError::Io({error:?})"),
            NotifyError::Full(_) => f.write_str("NotifyError::Full(..)"),
            NotifyError::Closed(_) => f.write_str("NotifyError::Closed(..)"),
        }
    }
}

impl<M> error::Error for NotifyError<M> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            NotifyError::Io(error) => Some(error),
            _ => None,
        }
    }
}
