//! A socket, or anything with a descriptor, together with its registration.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use token_ready::{PollOpt, Ready, Token};

use crate::key::Key;
use crate::poll::Inner;
use crate::standing::Standing;
use crate::sys::{self, AsSource, Drained, RawSource, Selector};
use crate::{Evented, Poll};

/// Something with a descriptor, together with its registration.
///
/// Once it is dropped, no batch hands out an event of its registration; what another thread took from a
/// batch before that, it may still hold, see [`Batches`](crate::Batches).
///
/// It is what socket types are built on. It knows which `Poll` the source is registered with, refuses to
/// be registered with two, and ends the registration when it is dropped, before the descriptor closes.
/// It reads and writes if `&T` does. All other I/O goes through [`try_io`](IoSource::try_io) or is
/// followed by [`note_transfer`](IoSource::note_transfer), so that a backend which emulates edges learns when
/// the source is drained.
///
/// The `T` must be non-blocking ([`nonblocking`](IoSource::nonblocking) sets it to that), and the
/// descriptor it lends must stay the same for as long as it lives.
///
/// ```
/// use readywire::{Events, IoSource, Poll, PollOpt, Ready, Token};
/// use std::io::{Read, Write};
/// # fn main() -> std::io::Result<()> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let mut b = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (a, _) = listener.accept()?;
/// # a.set_nonblocking(true)?;
///
/// let source = IoSource::new(a); // a non-blocking stream
/// let poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)?;
///
/// b.write_all(b"hello")?;
/// poll.poll(&mut events, None)?;
/// assert_eq!(events.get(0).unwrap().token(), Token(1));
///
/// let mut buf = [0; 16];
/// let n = source.try_io(Ready::READABLE, |mut stream| stream.read(&mut buf))?;
/// assert_eq!(&buf[..n], b"hello");
/// # Ok(())
/// # }
/// ```
pub struct IoSource<T> {
    place: Place,
    io: T,
}

impl<T: AsSource> IoSource<T> {
    /// Takes in `io`, whose descriptor may have duplicates somewhere.
    pub fn new(io: T) -> IoSource<T> {
        IoSource {
            place: Place::shared(),
            io,
        }
    }

    /// Sets `io` to non-blocking and takes it in: for a terminal, a device or another file, whose type has no method
    /// for that (`O_NONBLOCK`, `FIONBIO`).
    ///
    /// # Errors
    /// Any error from `fcntl(2)`, or from `ioctlsocket` on Windows; `io` is dropped then.
    ///
    /// # Platform-specific behaviour
    /// On Unix the mode belongs to the open file, which duplicates and child processes share. A terminal
    /// that was inherited as standard input or output is the shell's, too, and stays non-blocking when the
    /// program ends: open `/dev/tty` instead.
    ///
    /// # Examples
    /// ```no_run
    /// use readywire::{Events, IoSource, Poll, PollOpt, Ready, Token};
    /// use std::fs::File;
    /// use std::io::Read;
    ///
    /// let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    /// # #[cfg(unix)] {
    /// let mut terminal = IoSource::nonblocking(terminal)?;
    /// let poll = Poll::new()?;
    /// let mut events = Events::with_capacity(8);
    /// poll.register(&terminal, Token(0), Ready::READABLE, PollOpt::LEVEL)?;
    ///
    /// poll.poll(&mut events, None)?;
    /// let mut line = [0; 1024];
    /// let count = terminal.read(&mut line)?;
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn nonblocking(io: T) -> io::Result<IoSource<T>> {
        sys::set_nonblocking(&io)?;
        Ok(IoSource::new(io))
    }

    /// Takes in `io`, whose descriptor has just been made and has no duplicate.
    ///
    /// Dropping such a source while it is registered costs one system call less: the system
    /// forgets a descriptor by itself when the last duplicate closes. `fork(3)` makes duplicates: after
    /// a fork the call is made for every source from before. If there is a duplicate after all, epoll
    /// goes on reporting it, and polls keep a processor busy with leaving that out for as long as the
    /// duplicate lives.
    pub fn new_sole(io: T) -> IoSource<T> {
        IoSource {
            place: Place::sole(),
            io,
        }
    }

    /// Takes in a duplicate of the descriptor, which `duplicate` makes, as a source of its own.
    ///
    /// The two sources share what a backend that emulates edges must learn: draining either of them
    /// re-arms whichever is registered, and both if both are, with one `Poll` or with two. A
    /// duplicate that is taken in by [`new`](IoSource::new) shares nothing.
    ///
    /// # Errors
    /// Any error from `duplicate`.
    ///
    /// # Examples
    /// ```
    /// use readywire::IoSource;
    ///
    /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_nonblocking(true)?;
    /// let source = IoSource::new(socket);
    /// let clone = source.try_clone_with(|socket| socket.try_clone())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_clone_with(
        &self,
        duplicate: impl FnOnce(&T) -> io::Result<T>,
    ) -> io::Result<IoSource<T>> {
        let io = duplicate(self.get_ref())?;
        let place = Place::shared();
        place.join(self.place.clones());
        Ok(IoSource { place, io })
    }

    /// Runs one I/O operation in the given direction, `READABLE` or `WRITABLE` (or both).
    ///
    /// After `WouldBlock` an edge in that direction can be reported again, after a `connect` that has begun
    /// an edge in both. An error that the operation took from the socket, such as
    /// `ConnectionRefused`, `ConnectionAborted`, `TimedOut` or `HostUnreachable`, lets the next error
    /// be reported, and new data or connections after a read or an accept. All other errors leave the
    /// source as it was (`BrokenPipe`, `NotConnected`, `InvalidInput`, `Interrupted`, too many open
    /// descriptors), and no edge comes of them: a program that tries again at each event does not
    /// spin.
    ///
    /// On Unix `EACCES` counts as an error of the socket: ICMPv6 reports a prohibited destination so.
    /// `EOPNOTSUPP` does not, though accept(2) lists it among the errors of a connection: a socket that cannot do the
    /// operation at all fails with it every time.
    ///
    /// A short read or write on a stream or a pipe shows that it is drained, too: report it by
    /// [`note_transfer`](IoSource::note_transfer), or go on until `WouldBlock`.
    ///
    /// # Errors
    /// Any error from `operation`.
    #[inline]
    pub fn try_io<R>(
        &self,
        direction: Ready,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let result = operation(&self.io);
        if let Err(error) = &result {
            self.place.note_error(direction, error);
        }
        result
    }

    /// Notes that the source is drained in the given direction, so that a backend which emulates edges
    /// (poll(2), AFD) reports the next one.
    ///
    /// [`try_io`](IoSource::try_io) does so after `WouldBlock`. Call it after an operation that ends a
    /// condition in another way, such as taking the socket's pending error, or that was done through
    /// a borrowed descriptor.
    ///
    /// # Examples
    /// ```
    /// use readywire::{IoSource, Ready};
    /// use std::io;
    /// use std::net::UdpSocket;
    ///
    /// /// Takes the pending error, which was what the socket was ready for.
    /// fn take_error(source: &IoSource<UdpSocket>) -> io::Result<Option<io::Error>> {
    ///     let error = source.get_sole().take_error()?;
    ///     source.mark_drained(Ready::READABLE | Ready::WRITABLE);
    ///     Ok(error)
    /// }
    /// # let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// # socket.set_nonblocking(true)?;
    /// # assert!(take_error(&IoSource::new(socket))?.is_none());
    /// # Ok::<(), io::Error>(())
    /// ```
    #[inline]
    pub fn mark_drained(&self, direction: Ready) {
        if self.place.is_observed() {
            self.place.mark_drained(direction, Drained::Blocked);
        }
    }

    /// Notes one read or write on a stream or a pipe, and marks the source as drained if the call has
    /// drained it; returns `result`, the number of bytes that the call moved.
    ///
    /// `offered` computes how long the buffers are; only backends that emulate edges need it.
    /// `WouldBlock` drains the source, and so do fewer bytes than were offered. `Ok(0)` does not, nor
    /// does any other error: either is the end of the stream, or leaves it as it was. Neither datagrams
    /// nor peeked data go through here.
    ///
    /// # Errors
    /// The error in `result`.
    ///
    /// # Examples
    /// ```
    /// use readywire::{IoSource, Ready};
    /// use std::io::{self, Read};
    /// use std::net::TcpStream;
    ///
    /// fn read(source: &IoSource<TcpStream>, buf: &mut [u8]) -> io::Result<usize> {
    ///     let mut stream = source.get_sole();
    ///     source.note_transfer(Ready::READABLE, stream.read(buf), || buf.len())
    /// }
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = TcpStream::connect(listener.local_addr()?)?;
    /// # stream.set_nonblocking(true)?;
    /// # assert!(read(&IoSource::new(stream), &mut [0; 4]).is_err());
    /// # Ok::<(), io::Error>(())
    /// ```
    #[inline]
    pub fn note_transfer(
        &self,
        direction: Ready,
        result: io::Result<usize>,
        offered: impl FnOnce() -> usize,
    ) -> io::Result<usize> {
        if self.place.is_observed() {
            self.place.note_transfer(direction, &result, offered());
        }
        result
    }

    /// Borrows what was taken in, to do anything with it.
    ///
    /// I/O on it belongs inside [`try_io`](IoSource::try_io), or is followed by
    /// [`note_transfer`](IoSource::note_transfer): otherwise a backend that emulates edges reports no
    /// further edge. From here on the descriptor counts as one that may have duplicates; see
    /// [`new_sole`](IoSource::new_sole).
    pub fn get_ref(&self) -> &T {
        self.place.share();
        &self.io
    }

    /// Borrows what was taken in for a call that does not duplicate the descriptor, and that either cannot
    /// end in `WouldBlock`, such as reading an option, or whose result goes to
    /// [`note_transfer`](IoSource::note_transfer).
    #[inline]
    pub fn get_sole(&self) -> &T {
        &self.io
    }

    /// Ends the registration, if there is one, and gives back what was taken in.
    pub fn into_inner(self) -> T {
        self.place.share();
        let IoSource { place, io } = self;
        drop(place);
        io
    }
}

impl<T: AsSource> Evented for IoSource<T> {
    #[inline]
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.place
            .register(self.io.as_source(), &poll.inner, token, interest, opts)
    }

    #[inline]
    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.place.reregister(&poll.inner, token, interest, opts)
    }

    #[inline]
    fn rearm(&self, poll: &Poll) -> io::Result<()> {
        self.place.rearm(&poll.inner)
    }

    #[inline]
    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.place.deregister(&poll.inner)
    }
}

/// Reads from a type that has no counterpart in readywire, such as a terminal or a device. A short read drains a stream
/// socket and a pipe; read any other `T` until `WouldBlock`.
///
/// # Examples
/// ```
/// use readywire::IoSource;
/// use std::io::{ErrorKind, Read, Write};
///
/// # #[cfg(unix)] {
/// let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
/// let (mut reader, mut writer) = (IoSource::nonblocking(reader)?, IoSource::nonblocking(writer)?);
/// writer.write_all(b"hello")?;
/// let mut buf = [0; 16];
/// assert_eq!(reader.read(&mut buf)?, 5);
/// assert_eq!(reader.read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
impl<T: AsSource> Read for IoSource<T>
where
    for<'a> &'a T: Read,
{
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[inline]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl<T: AsSource> Read for &IoSource<T>
where
    for<'a> &'a T: Read,
{
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = (&self.io).read(buf);
        self.note_transfer(Ready::READABLE, result, || buf.len())
    }

    #[inline]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let result = (&self.io).read_vectored(bufs);
        self.note_transfer(Ready::READABLE, result, || {
            bufs.iter().map(|buf| buf.len()).sum()
        })
    }
}

/// Writes for what has no type of its own in readywire, such as a terminal or a device.
///
/// Whether a broken pipe raises SIGPIPE depends on the `T`. A Rust program ignores that signal unless it
/// restores it.
impl<T: AsSource> Write for IoSource<T>
where
    for<'a> &'a T: Write,
{
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    #[inline]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

impl<T: AsSource> Write for &IoSource<T>
where
    for<'a> &'a T: Write,
{
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = (&self.io).write(buf);
        self.note_transfer(Ready::WRITABLE, result, || buf.len())
    }

    #[inline]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let result = (&self.io).write_vectored(bufs);
        self.note_transfer(Ready::WRITABLE, result, || {
            bufs.iter()
                .fold(0, |total, buf| total.saturating_add(buf.len()))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.try_io(Ready::WRITABLE, |mut io| io.flush())
    }
}

impl<T: fmt::Debug> fmt::Debug for IoSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// What a registration is known by.
#[derive(Clone, Copy)]
struct Registered {
    source: RawSource,
    key: Key,
}

/// Where a source is registered.
pub(crate) struct Place {
    standing: Mutex<Option<Standing<Registered>>>,
    /// Whether the descriptor may have duplicates in this process.
    shared: AtomicBool,
    /// How often the process had forked when the descriptor was new: a child has duplicates, too.
    forks: u32,
    /// Whether a backend may want to know that the source was drained: the source is registered
    /// with one that emulates edges, or it has clones, which may be.
    observed: AtomicBool,
    clones: OnceLock<Arc<Clones>>,
}

/// What the clones of one socket share.
#[derive(Default)]
struct Clones {
    /// Whether there has been a registration; most sockets never have one.
    emulated: AtomicBool,
    registrations: Mutex<Registrations>,
}

impl Clones {
    fn lock(&self) -> MutexGuard<'_, Registrations> {
        self.registrations.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The registrations of the clones with backends that emulate edges.
#[derive(Default)]
struct Registrations(Vec<(Weak<Inner>, Registered)>);

impl Registrations {
    /// Returns a registration with `poll`, if there is one.
    fn with(&self, poll: &Arc<Inner>) -> Option<Key> {
        let mut all = self.0.iter();
        let (_, at) = all.find(|(with, _)| with.as_ptr() == Arc::as_ptr(poll))?;
        Some(at.key)
    }

    /// Puts the registration of one clone in place of the one before.
    fn replace(&mut self, source: RawSource, new: Option<(Weak<Inner>, Registered)>) {
        self.0.retain(|(_, old)| old.source != source);
        self.0.extend(new);
    }
}

impl Place {
    pub(crate) fn shared() -> Place {
        let place = Place::sole();
        place.share();
        place
    }

    fn sole() -> Place {
        Place {
            standing: Mutex::new(None),
            shared: AtomicBool::new(false),
            forks: Selector::forks(),
            observed: AtomicBool::new(false),
            clones: OnceLock::new(),
        }
    }

    #[inline]
    fn share(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Option<Standing<Registered>>> {
        self.standing.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Returns what this source shares with its clones, from now on.
    fn clones(&self) -> Arc<Clones> {
        // No registration begins or ends meanwhile.
        let standing = self.lock();
        if let Some(clones) = self.clones.get() {
            return Arc::clone(clones);
        }
        let clones = Arc::<Clones>::default();
        if let Some(at) = &*standing {
            if at.poll.upgrade().is_some_and(|poll| poll.emulates_edges()) {
                clones.emulated.store(true, Ordering::Relaxed);
                let registration = (Weak::clone(&at.poll), at.source);
                clones.lock().replace(at.source.source, Some(registration));
            }
        }
        self.join(Arc::clone(&clones));
        clones
    }

    fn join(&self, clones: Arc<Clones>) {
        // Nobody else sets it: either this is new, or it is locked.
        let _first = self.clones.set(clones).is_ok();
        self.observed.store(true, Ordering::Relaxed);
    }

    /// Locks what the clones share while a registration with `poll` begins or ends, so that no clone
    /// is drained unnoticed meanwhile; `None` where nobody needs to notice.
    #[inline]
    fn notify(&self, poll: &Inner) -> Option<MutexGuard<'_, Registrations>> {
        if !poll.emulates_edges() {
            return None;
        }
        self.observed.store(true, Ordering::Relaxed);
        let clones = self.clones.get()?;
        clones.emulated.store(true, Ordering::Relaxed);
        Some(clones.lock())
    }

    #[inline(always)]
    pub(crate) fn register(
        &self,
        source: RawSource,
        poll: &Arc<Inner>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let mut standing = self.lock();
        Standing::vacant(standing.as_ref(), poll)?;
        let registrations = self.notify(poll);
        let clone_of = registrations.as_ref().and_then(|all| all.with(poll));
        let key = poll.register(source, token, interest, opts, true, clone_of)?;
        let source = Registered { source, key };
        let poll = Arc::downgrade(poll);
        if let Some(mut registrations) = registrations {
            registrations.replace(source.source, Some((Weak::clone(&poll), source)));
        }
        *standing = Some(Standing { poll, source });
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn reregister(
        &self,
        poll: &Arc<Inner>,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let mut standing = self.lock();
        let Registered { source, key } = Standing::with(standing.as_mut(), poll)?.source;
        let result = poll.reregister(source, key.index(), Some(key), token, interest, opts);
        if result.is_err() {
            self.forget_if_ended(&mut standing, poll);
        }
        result
    }

    #[inline(always)]
    pub(crate) fn rearm(&self, poll: &Arc<Inner>) -> io::Result<()> {
        let mut standing = self.lock();
        let Registered { source, key } = Standing::with(standing.as_mut(), poll)?.source;
        let result = poll.rearm(source, key.index(), Some(key));
        if result.is_err() {
            self.forget_if_ended(&mut standing, poll);
        }
        result
    }

    /// Forgets a registration that has ended because the system no longer watches the source: the source
    /// can be registered again.
    #[cold]
    fn forget_if_ended(&self, standing: &mut Option<Standing<Registered>>, poll: &Inner) {
        if let Some(at) = standing.take_if(|at| !poll.has(at.source.key)) {
            if let Some(mut registrations) = self.notify(poll) {
                registrations.replace(at.source.source, None);
            }
        }
    }

    #[inline(always)]
    pub(crate) fn deregister(&self, poll: &Arc<Inner>) -> io::Result<()> {
        let mut standing = self.lock();
        let at = Standing::with(standing.as_mut(), poll)?;
        let Registered { source, key } = at.source;
        *standing = None;
        if let Some(mut registrations) = self.notify(poll) {
            registrations.replace(source, None);
        }
        poll.deregister(source, key.index(), Some(key))
    }

    /// Calls `act` if the source is not registered, and lets it be registered only afterwards.
    #[cfg_attr(windows, expect(dead_code, reason = "a Poll is no source there"))]
    pub(crate) fn unless_registered(&self, act: impl FnOnce()) {
        let standing = self.lock();
        let is_registered = standing
            .as_ref()
            .is_some_and(|at| at.poll.strong_count() > 0);
        if !is_registered {
            act();
        }
    }

    #[inline]
    fn is_observed(&self) -> bool {
        self.observed.load(Ordering::Relaxed)
    }

    #[inline]
    fn note_error(&self, direction: Ready, error: &io::Error) {
        if self.is_observed() {
            if let Some(drained) = Drained::by(error) {
                self.mark_drained(direction, drained);
            }
        }
    }

    #[cold]
    fn note_transfer(&self, direction: Ready, result: &io::Result<usize>, offered: usize) {
        match *result {
            // An error that was pending was the end of the stream, which is still there.
            Err(ref error) => {
                if let Some(drained @ (Drained::Blocked | Drained::Connecting)) = Drained::by(error)
                {
                    self.mark_drained(direction, drained);
                }
            }
            Ok(count) if 0 < count && count < offered => {
                self.mark_drained(direction, Drained::Short)
            }
            _ => {}
        }
    }

    #[cold]
    fn mark_drained(&self, direction: Ready, drained: Drained) {
        let mark_drained = |poll: &Weak<Inner>, at: Registered| {
            if let Some(poll) = poll.upgrade() {
                poll.mark_drained(at.source, at.key, direction, drained);
            }
        };
        if let Some(clones) = self.clones.get() {
            if clones.emulated.load(Ordering::Relaxed) {
                for (poll, at) in &clones.lock().0 {
                    mark_drained(poll, *at);
                }
            }
        } else if let Some(at) = &*self.lock() {
            mark_drained(&at.poll, at.source);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let standing = self.standing.get_mut().unwrap_or_else(|e| e.into_inner());
        if let Some(at) = standing.take() {
            if let Some(clones) = self.clones.get() {
                clones.lock().replace(at.source.source, None);
            }
            if let Some(poll) = at.poll.upgrade() {
                let shared = *self.shared.get_mut() || self.forks != Selector::forks();
                poll.abandon(at.source.source, at.source.key, shared);
            }
        }
    }
}

#[cfg(all(test, unix, not(loom)))]
mod tests {
    use super::*;
    use crate::key::Index;

    #[test]
    fn clones_know_their_registration_with_each_poll() {
        let polls = [0; 3].map(|_| Poll::new().unwrap());
        let at = |source: u32, poll: &Poll| {
            let registered = Registered {
                source: source as RawSource,
                key: Key::new(1, Index(source)),
            };
            (Arc::downgrade(&poll.inner), registered)
        };
        let mut registrations = Registrations::default();
        let found = |registrations: &Registrations| {
            polls.each_ref().map(|poll| {
                let key = registrations.with(&poll.inner)?;
                key.index().descriptor()
            })
        };
        assert_eq!(found(&registrations), [None; 3]);
        registrations.replace(7, Some(at(7, &polls[0])));
        registrations.replace(8, Some(at(8, &polls[1])));
        assert_eq!(found(&registrations), [Some(7), Some(8), None]);
        registrations.replace(7, Some(at(7, &polls[2])));
        assert_eq!(found(&registrations), [None, Some(8), Some(7)]);
        registrations.replace(8, None);
        assert_eq!(found(&registrations), [None, None, Some(7)]);
    }
}
