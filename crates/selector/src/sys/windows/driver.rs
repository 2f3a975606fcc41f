//! AFD polls on an I/O completion port. Levels, edges and oneshots are emulated.
//!
//! When the poll of a socket is begun and cancelled is decided by its [`Endpoint`]. This module
//! connects endpoints with the system: it keeps them, lends the system the memory of their polls,
//! and takes packets from the port.

use std::collections::HashMap;
use std::ffi::c_void;
use std::io;
use std::os::windows::io::RawSocket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use token_ready::{PollOpt, Ready};

use super::device::{Device, Memory, error};
use super::endpoint::{Afd, Endpoint, Failure};
use super::port::{Packets, Port};
use super::raw_event::RawEvent;
use super::socket;
use crate::RegistrationError;
use crate::key::Key;
use crate::sys::{Drained, Driver};

/// How many sockets share a handle of the device: each handle costs memory of the kernel, and the
/// kernel serialises the polls of one.
const SHARE: usize = 32;

/// How many packets may be in the port of cancelled polls, beyond one for each socket, before they
/// are taken out although no thread polls.
const LEFT_BEHIND: usize = 64;

/// How long a driver that is dropped waits for the packets of the polls it cancelled, which are
/// there at once unless the system misbehaves.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct AfdDriver {
    port: Port,
    /// Where sockets are looked at.
    lookout: Device,
    devices: Mutex<Devices>,
    registry: Mutex<Registry>,
    due: Mutex<Due>,
    /// Counts waits, so that each has a number.
    waits: AtomicUsize,
    /// How many packets are still to come.
    pending: AtomicUsize,
    /// The system has no memory for another poll, so a test says.
    #[cfg(test)]
    pub(super) exhausted: std::sync::atomic::AtomicBool,
}

/// The handles for polls, each kept by the sockets that use it.
#[derive(Default)]
struct Devices {
    all: Vec<Weak<Device>>,
    /// Kept open though no socket may use it, so that sockets which come and go one by one do not
    /// open it each time.
    last: Option<Arc<Device>>,
}

/// The sockets that are registered, or have a packet still to come.
#[derive(Default)]
struct Registry {
    /// By the number of the registration's index.
    registrations: Vec<Option<Arc<Socket>>>,
    /// How many registrations there are.
    count: usize,
    /// By handle. A socket that was deregistered stays here until the packet of its cancelled poll was
    /// taken: if it is registered again, its next poll has to wait for that.
    sockets: HashMap<usize, Arc<Socket>>,
}

impl Registry {
    fn get(&self, key: Key) -> Option<&Arc<Socket>> {
        self.registrations.get(key.index().number())?.as_ref()
    }

    fn insert(&mut self, key: Key, handle: usize, socket: Arc<Socket>) {
        let number = key.index().number();
        if self.registrations.len() <= number {
            self.registrations.resize(number + 1, None);
        }
        self.registrations[number] = Some(Arc::clone(&socket));
        self.count += 1;
        self.sockets.insert(handle, socket);
    }

    fn remove(&mut self, key: Key) -> Option<Arc<Socket>> {
        let registration = self.registrations.get_mut(key.index().number())?;
        let socket = registration.take()?;
        self.count -= 1;
        Some(socket)
    }

    /// Forgets the handle of a registration that has ended, unless it is another socket's by now.
    fn forget(&mut self, handle: usize, socket: &Arc<Socket>) {
        let known = self.sockets.get(&handle);
        if known.is_some_and(|known| Arc::ptr_eq(known, socket)) {
            self.sockets.remove(&handle);
        }
    }

    /// Forgets the handles of a socket that were closed without being deregistered.
    fn forget_closed(&mut self, socket: &Arc<Socket>) {
        let state = socket.lock();
        self.sockets.retain(|handle, known| {
            !Arc::ptr_eq(known, socket)
                || state.endpoint.has_socket(*handle)
                || state.ended.contains(handle)
        });
    }
}

/// Sockets whose next poll begins with the next wait.
#[derive(Default)]
struct Due {
    sockets: Vec<Arc<Socket>>,
    /// How many threads wait: they have begun the polls that were due before.
    waiting: usize,
}

struct Socket {
    device: Arc<Device>,
    operation: Arc<Operation>,
    state: Mutex<State>,
}

struct State {
    endpoint: Endpoint,
    /// Handles of registrations that ended with a poll under way.
    ended: Vec<usize>,
}

/// The poll of a socket. While it is under way the system holds a count of it, which comes back
/// with the packet.
pub(super) struct Operation {
    socket: Weak<Socket>,
    memory: Memory,
}

impl Operation {
    /// Lends a count to the system.
    fn lend(self: &Arc<Operation>) -> *const c_void {
        Arc::into_raw(Arc::clone(self)).cast()
    }

    /// Takes back the count.
    ///
    /// # Safety
    /// The context must be from [`lend`](Operation::lend), not taken back before, and the
    /// operation over.
    unsafe fn take_back(context: *const c_void) -> Arc<Operation> {
        // SAFETY: guaranteed by the caller.
        unsafe { Arc::from_raw(context.cast()) }
    }
}

impl Socket {
    fn new(device: Arc<Device>) -> Arc<Socket> {
        Arc::new_cyclic(|socket| Socket {
            device,
            operation: Arc::new(Operation {
                socket: Weak::clone(socket),
                memory: Memory::new(),
            }),
            state: Mutex::new(State {
                endpoint: Endpoint::new(),
                ended: Vec::new(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// What the endpoint of a socket asks of the system; its endpoint is locked.
struct Polls<'a> {
    driver: &'a AfdDriver,
    socket: &'a Socket,
}

impl Afd for Polls<'_> {
    fn begin(&mut self, socket: usize, flags: u32) -> Result<(), Failure> {
        #[cfg(test)]
        if self.driver.exhausted.load(Ordering::SeqCst) {
            return Err(Failure::Short(
                windows_sys::Win32::Foundation::STATUS_INSUFFICIENT_RESOURCES,
            ));
        }
        let Socket {
            device, operation, ..
        } = self.socket;
        let context = operation.lend();
        self.driver.pending.fetch_add(1, Ordering::Relaxed);
        // SAFETY: an endpoint begins a poll only when the packet of the one before was taken. The
        // count that was lent keeps the memory until the packet is taken, and for ever if it never
        // is.
        let begun = unsafe { device.poll(socket, flags, &operation.memory, context) };
        if begun.is_err() {
            self.driver.pending.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: no packet comes of a poll that was refused.
            drop(unsafe { Operation::take_back(context) });
        }
        begun
    }

    fn cancel(&mut self) {
        self.socket.device.cancel(&self.socket.operation.memory);
    }

    fn look(&mut self, socket: usize, flags: u32) -> Result<u32, Failure> {
        self.driver.lookout.look(socket, flags)
    }
}

impl AfdDriver {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn socket(&self, key: Key) -> io::Result<Arc<Socket>> {
        let socket = self.registry().get(key).cloned();
        socket.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn polls<'a>(&'a self, socket: &'a Socket) -> Polls<'a> {
        Polls {
            driver: self,
            socket,
        }
    }

    fn is_registered(&self, handle: usize) -> bool {
        let registry = self.registry();
        let known = registry.sockets.get(&handle);
        known.is_some_and(|socket| socket.lock().endpoint.has_socket(handle))
    }

    /// Returns a handle that has room for one more socket.
    fn device(&self) -> io::Result<Arc<Device>> {
        let mut devices = self.devices.lock().unwrap_or_else(|e| e.into_inner());
        devices.all.retain(|device| device.strong_count() > 0);
        let roomy = devices
            .all
            .iter()
            .find(|device| device.strong_count() < SHARE)
            .and_then(Weak::upgrade);
        if let Some(device) = roomy {
            return Ok(device);
        }
        let device = Arc::new(Device::on_port(&self.port)?);
        devices.all.push(Arc::downgrade(&device));
        devices.last = Some(Arc::clone(&device));
        Ok(device)
    }

    /// Begins the poll of a socket that was due.
    fn resume(&self, socket: &Socket, wait: Option<usize>) -> Result<(), Failure> {
        let mut state = socket.lock();
        match state.endpoint.resume(&mut self.polls(socket), wait) {
            // Closed without being deregistered: nobody waits for it.
            Err(Failure::Gone(_)) => Ok(()),
            result => result,
        }
    }

    /// Lets the next poll of a socket begin with the next wait.
    fn postpone(&self, socket: &Arc<Socket>) {
        if socket.lock().endpoint.set_due() {
            self.due().sockets.push(Arc::clone(socket));
        }
    }

    /// Leaves a poll that could not begin to the next wait, which reports if it fails again. Threads
    /// that wait already have begun what was due: one of them has to wait again.
    fn put_off(&self, socket: &Arc<Socket>) {
        self.postpone(socket);
        // Should this fail as well, the poll only begins later.
        let _delayed = self.wake().is_err();
    }

    /// Turns the packet of an operation into events, at most `room`. Puts the socket into `due` if
    /// its next poll is for the next wait.
    fn land(
        &self,
        operation: &Operation,
        wait: Option<usize>,
        room: usize,
        events: &mut Vec<RawEvent>,
        due: &mut Vec<Arc<Socket>>,
    ) {
        let Some(socket) = operation.socket.upgrade() else {
            return;
        };
        let mut state = socket.lock();
        // SAFETY: the packet was taken from the port, so that the poll is over, and the endpoint
        // begins no other before it is told so, below.
        let answer = unsafe { operation.memory.read() };
        let report = |key, ready, implied| {
            events.push(RawEvent::new(key, ready, implied));
        };
        let polls = &mut self.polls(&socket);
        if state.endpoint.land(polls, answer, wait, room, report) && state.endpoint.set_due() {
            due.push(Arc::clone(&socket));
        }
        if state.ended.is_empty() {
            return;
        }
        drop(state);
        let mut registry = self.registry();
        let mut state = socket.lock();
        let State { endpoint, ended } = &mut *state;
        if !endpoint.is_cancelled() {
            for handle in ended
                .drain(..)
                .filter(|handle| !endpoint.has_socket(*handle))
            {
                registry.forget(handle, &socket);
            }
        }
    }

    /// Counts the calling thread among those that wait, and takes over what is due.
    fn enter(&self, due: &mut Vec<Arc<Socket>>) {
        let mut shared = self.due();
        shared.waiting += 1;
        std::mem::swap(&mut shared.sockets, due);
    }

    /// Ends what [`enter`](AfdDriver::enter) began, and leaves behind what is due from now on.
    fn leave(&self, due: &mut Vec<Arc<Socket>>) {
        let mut shared = self.due();
        shared.waiting -= 1;
        if shared.waiting == 0 {
            shared.sockets.append(due);
            return;
        }
        drop(shared);
        for socket in due.drain(..) {
            if self.resume(&socket, None).is_err() {
                self.put_off(&socket);
            }
        }
    }

    /// Takes at most `packets` packets from the port, and reports at most `room` events; returns how
    /// many packets there were, and how many of them were wakes.
    fn take(
        &self,
        events: &mut Vec<RawEvent>,
        (packets, room): (usize, usize),
        scratch: &mut Scratch,
        wait: Option<usize>,
        timeout: Option<Duration>,
    ) -> io::Result<(usize, usize)> {
        self.port.take(&mut scratch.packets, packets, timeout)?;
        let limit = events.len() + room;
        let taken = scratch.packets.drain();
        let (count, mut wakes) = (taken.len(), 0);
        for context in taken {
            if context.is_null() {
                wakes += 1;
                continue;
            }
            self.pending.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: every packet with a context is that of a poll, and comes once.
            let operation = unsafe { Operation::take_back(context) };
            let room = limit - events.len();
            self.land(&operation, wait, room, events, &mut scratch.due);
        }
        Ok((count, wakes))
    }

    /// Takes the packets of cancelled polls from the port if there are many: sockets may be registered
    /// and deregistered without end although no thread polls. Other packets are left to the next
    /// wait.
    fn sweep(&self) {
        let polls = self.registry().count;
        if self.pending.load(Ordering::Relaxed) > polls + LEFT_BEHIND {
            self.take_all();
        }
    }

    /// Takes all packets from the port without reporting an event: those that matter are due again.
    fn take_all(&self) {
        let mut scratch = Scratch::default();
        let mut any_wake = false;
        let none = Some(Duration::ZERO);
        while let Ok((count @ 1.., wakes)) =
            self.take(&mut Vec::new(), (LEFT_BEHIND, 0), &mut scratch, None, none)
        {
            any_wake |= wakes > 0;
            if count < LEFT_BEHIND {
                break;
            }
        }
        let mut due = self.due();
        let is_awaited = !scratch.due.is_empty() && due.waiting > 0;
        due.sockets.append(&mut scratch.due);
        drop(due);
        if any_wake || is_awaited {
            // Should this fail, the next wait finds what is due, and the queue that a wake is for.
            let _delayed = self.wake().is_err();
        }
    }
}

#[cfg(test)]
impl AfdDriver {
    /// How many handles of the device are open for polls.
    pub(super) fn open_devices(&self) -> usize {
        let devices = self.devices.lock().unwrap();
        devices
            .all
            .iter()
            .filter(|device| device.strong_count() > 0)
            .count()
    }

    /// How many handles are known.
    pub(super) fn known(&self) -> usize {
        self.registry().sockets.len()
    }

    /// How many threads wait.
    pub(super) fn waiting(&self) -> usize {
        self.due().waiting
    }

    /// How many packets are still to come.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Takes what is in the port, as the last wait would that began.
    pub(super) fn go_on_waiting(&self) -> Vec<RawEvent> {
        let (mut events, mut scratch) = (Vec::new(), Scratch::default());
        let last = Some(self.waits.load(Ordering::Relaxed) - 1);
        let timeout = Some(Duration::ZERO);
        self.enter(&mut scratch.due);
        self.take(&mut events, (8, 8), &mut scratch, last, timeout)
            .unwrap();
        self.leave(&mut scratch.due);
        events
    }

    /// The operations under way whose answers count.
    pub(super) fn lent(&self) -> Vec<Arc<Operation>> {
        let registry = self.registry();
        let sockets = registry.registrations.iter().flatten();
        let asking = sockets.filter(|socket| socket.lock().endpoint.is_asking());
        asking.map(|socket| Arc::clone(&socket.operation)).collect()
    }
}

/// What a thread that waits needs room for.
#[derive(Default)]
pub(crate) struct Scratch {
    packets: Packets,
    /// Empty between waits.
    due: Vec<Arc<Socket>>,
}

/// The error for a caller.
fn refusal(failure: Failure) -> io::Error {
    let (Failure::Gone(status) | Failure::Short(status)) = failure;
    error(status)
}

impl Driver for AfdDriver {
    const EMULATES_EDGES: bool = true;

    fn new() -> io::Result<AfdDriver> {
        Ok(AfdDriver {
            port: Port::new()?,
            lookout: Device::synchronous()?,
            devices: Mutex::default(),
            registry: Mutex::default(),
            due: Mutex::default(),
            waits: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            #[cfg(test)]
            exhausted: std::sync::atomic::AtomicBool::new(false),
        })
    }

    fn register(
        &self,
        source: RawSocket,
        key: Key,
        interest: Ready,
        opts: PollOpt,
        _adopt: bool,
        clone_of: Option<Key>,
    ) -> io::Result<()> {
        let handle = socket::base(source)?;
        if self.is_registered(handle) {
            // Or it was closed without being deregistered, which its last packet says.
            self.take_all();
            if self.is_registered(handle) {
                return Err(RegistrationError::AlreadyRegistered.into());
            }
        }
        let mut registry = self.registry();
        let clone = clone_of.and_then(|key| registry.get(key));
        let known = registry.sockets.get(&handle);
        // A known one that has registrations has those of clones alone: the number was used again.
        let socket = clone.or(known.filter(|socket| socket.lock().endpoint.is_empty()));
        let socket = match socket {
            Some(socket) => Arc::clone(socket),
            None => Socket::new(self.device()?),
        };
        let polls = &mut self.polls(&socket);
        let registered = socket
            .lock()
            .endpoint
            .register(polls, handle, key, interest, opts);
        registered.map_err(refusal)?;
        registry.insert(key, handle, socket);
        Ok(())
    }

    fn reregister(
        &self,
        _source: RawSocket,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let socket = self.socket(key)?;
        let polls = &mut self.polls(&socket);
        let changed = socket
            .lock()
            .endpoint
            .reregister(polls, key, interest, opts);
        match changed {
            Some(Ok(())) => Ok(()),
            Some(Err(Failure::Short(_))) => {
                self.put_off(&socket);
                Ok(())
            }
            // Closed without being deregistered.
            Some(Err(Failure::Gone(_))) | None => {
                let mut registry = self.registry();
                registry.remove(key);
                registry.forget_closed(&socket);
                Err(io::ErrorKind::NotFound.into())
            }
        }
    }

    fn deregister(&self, _source: RawSocket, key: Key) -> io::Result<()> {
        let mut registry = self.registry();
        let socket = registry.remove(key);
        let socket = socket.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut state = socket.lock();
        match state.endpoint.deregister(&mut self.polls(&socket), key) {
            Some(handle) if state.endpoint.is_cancelled() => {
                state.ended.push(handle);
                drop(state);
            }
            Some(handle) => {
                drop(state);
                registry.forget(handle, &socket);
            }
            None => {
                drop(state);
                registry.forget_closed(&socket);
            }
        }
        drop(registry);
        self.sweep();
        Ok(())
    }

    fn forget(&self, source: RawSocket, key: Key) {
        // There is no registration that is not in the list.
        let _ended_already = self.deregister(source, key).is_err();
    }

    fn mark_drained(
        &self,
        _source: RawSocket,
        key: Key,
        direction: Ready,
        drained: Drained,
    ) -> bool {
        let Ok(socket) = self.socket(key) else {
            return false;
        };
        let polls = &mut self.polls(&socket);
        let (changed, renewed) = socket
            .lock()
            .endpoint
            .mark_drained(polls, key, direction, drained);
        if matches!(renewed, Err(Failure::Short(_))) {
            self.put_off(&socket);
        }
        changed
    }

    fn wait(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        scratch: &mut Scratch,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let wait = self.waits.fetch_add(1, Ordering::Relaxed);
        let start = events.len();
        let mut failed = Ok(());
        self.enter(&mut scratch.due);
        for socket in scratch.due.drain(..) {
            if let Err(failure) = self.resume(&socket, Some(wait)) {
                self.postpone(&socket);
                failed = Err(refusal(failure));
            }
        }
        let mut timeout = if failed.is_ok() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let result = loop {
            let limits = (room, room);
            let packets = match self.take(events, limits, scratch, Some(wait), timeout) {
                Ok((packets, _)) => packets,
                Err(error) => break Err(error),
            };
            // There may be more behind packets without an event, such as wakes. After an event it
            // stops: packets of two rounds may be of one source.
            if events.len() > start || packets == 0 {
                break Ok(());
            }
            timeout = Some(Duration::ZERO);
        };
        self.leave(&mut scratch.due);
        if events.len() == start {
            return result.and(failed);
        }
        if failed.is_err() {
            // This wait returns events: the next one has to report the failure.
            let _delayed = self.wake().is_err();
        }
        Ok(())
    }

    fn wake(&self) -> io::Result<()> {
        self.port.wake()
    }
}

impl Drop for AfdDriver {
    fn drop(&mut self) {
        let sockets = std::mem::take(&mut self.registry().registrations);
        for socket in sockets.iter().flatten() {
            socket.lock().endpoint.clear(&mut self.polls(socket));
        }
        // The system writes to the memory of a poll until its packet was taken. A packet that
        // does not come leaves the memory behind, lent for ever.
        let (mut events, mut scratch) = (Vec::new(), Scratch::default());
        while self.pending.load(Ordering::Relaxed) > 0 {
            let limits = (LEFT_BEHIND, 0);
            let taken = self.take(&mut events, limits, &mut scratch, None, Some(PATIENCE));
            if !taken.is_ok_and(|(packets, _)| packets > 0) {
                break;
            }
        }
    }
}
