//! AFD polls on an I/O completion port. Levels, edges and oneshots are emulated.
//!
//! A poll of the AFD driver tells once that a socket is ready: at once if it is already, else when
//! it becomes so. Each registration has at most one poll under way whose answer counts (its
//! *flight*). A flight is begun
//!
//! * when the socket is registered, and whenever something is to be reported that the flight under
//!   way does not ask for: that one is cancelled, and its packet means nothing any more;
//! * when the flight before has landed and had nothing to report;
//! * after an event, for a level or what else is still to be reported, at the next wait: by then
//!   the source has been drained, and an edge is armed anew. Where another thread waits already,
//!   it is begun at once.
//!
//! A packet says that a socket was ready when it was put into the port, which may be long ago. So
//! the socket is looked at anew, unless the flight was begun by the same wait, and nobody has drained
//! the source since.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::RawSocket;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use token_ready::{PollOpt, Ready};
use windows_sys::Win32::Foundation::{NTSTATUS, STATUS_CANCELLED, STATUS_INVALID_HANDLE};
use windows_sys::Win32::Networking::WinSock::SOCKET;

use super::device::{Device, Memory, error};
use super::port::{Packets, Port};
use super::raw_event::RawEvent;
use super::{flags, socket};
use crate::key::Key;
use crate::sys::trigger::Trigger;
use crate::sys::{Drained, Driver};

/// How many sockets share a handle of the device: each handle costs memory of the kernel, and the
/// kernel serialises the polls of one.
const SHARE: usize = 32;

/// How long a driver that is dropped waits for the packets of the polls it cancelled, which are
/// there at once unless the system is at odds.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct AfdDriver {
    port: Port,
    /// Where sockets are looked at.
    lookout: Device,
    devices: Mutex<Devices>,
    /// The registrations by the number of their index.
    watches: Mutex<Vec<Option<Arc<Watch>>>>,
    due: Mutex<Due>,
    /// Counts waits, so that each has a number.
    waits: AtomicUsize,
    /// How many packets are still to come.
    aloft: AtomicUsize,
    /// The system has no memory for another flight, so a test says.
    #[cfg(test)]
    pub(super) exhausted: std::sync::atomic::AtomicBool,
}

/// The handles for flights, each kept by the sockets that use it.
#[derive(Default)]
struct Devices {
    all: Vec<Weak<Device>>,
    /// Kept open though no socket may use it, so that sockets which come and go one by one do not
    /// open it each time.
    last: Option<Arc<Device>>,
}

/// Registrations whose next flight begins with the next wait.
#[derive(Default)]
struct Due {
    watches: Vec<Arc<Watch>>,
    /// How many threads wait: they have begun the flights that were due before.
    waiting: usize,
}

/// A registration.
struct Watch {
    socket: SOCKET,
    device: Arc<Device>,
    state: Mutex<State>,
}

struct State {
    key: Key,
    trigger: Trigger,
    flight: Option<Flight>,
    /// The operation that landed last, for the next flight.
    spare: Option<Arc<Operation>>,
    /// Stands in the list of those due.
    due: bool,
    /// Deregistered, or the socket is gone.
    ended: bool,
}

/// The poll under way whose answer counts.
struct Flight {
    operation: Arc<Operation>,
    /// What it asks for.
    flags: u32,
    /// The wait that began it, if one did.
    wait: Option<usize>,
}

/// A poll of the device. While it is under way the system holds a count of it, which comes back
/// with the packet.
pub(super) struct Operation {
    watch: Weak<Watch>,
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
        // SAFETY: as the caller vouches.
        unsafe { Arc::from_raw(context.cast()) }
    }
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Ends the registration: no packet means anything any more.
    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        if let Some(flight) = state.flight.take() {
            self.device.cancel(&flight.operation.memory);
        }
    }
}

impl AfdDriver {
    fn watches(&self) -> MutexGuard<'_, Vec<Option<Arc<Watch>>>> {
        self.watches.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn watch(&self, key: Key) -> io::Result<Arc<Watch>> {
        let watch = self.watches().get(key.index.number()).cloned().flatten();
        watch.ok_or_else(|| io::ErrorKind::NotFound.into())
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

    /// Begins a flight for what is to be reported, if anything is; there must be none.
    fn fly(
        &self,
        watch: &Arc<Watch>,
        state: &mut State,
        wait: Option<usize>,
    ) -> Result<(), NTSTATUS> {
        let flags = flags::request(state.trigger.armed());
        if flags == 0 || state.ended {
            return Ok(());
        }
        #[cfg(test)]
        if self.exhausted.load(Ordering::SeqCst) {
            return Err(windows_sys::Win32::Foundation::STATUS_INSUFFICIENT_RESOURCES);
        }
        let operation = state.spare.take().unwrap_or_else(|| {
            Arc::new(Operation {
                watch: Arc::downgrade(watch),
                memory: Memory::new(),
            })
        });
        let context = operation.lend();
        self.aloft.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the operation is new, or has landed. The count that was lent keeps the memory
        // until the packet was taken, and for ever if it never is.
        let begun = unsafe {
            watch
                .device
                .poll(watch.socket, flags, &operation.memory, context)
        };
        if let Err(status) = begun {
            self.aloft.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: no packet comes of a poll that was refused.
            drop(unsafe { Operation::take_back(context) });
            return Err(status);
        }
        state.flight = Some(Flight {
            operation,
            flags,
            wait,
        });
        Ok(())
    }

    /// Makes sure that a flight asks for all that is to be reported, now or when it is due.
    fn renew(&self, watch: &Arc<Watch>, state: &mut State) -> Result<(), NTSTATUS> {
        let flags = flags::request(state.trigger.armed());
        if state.due {
            return Ok(());
        }
        let old = state.flight.take();
        if let Some(flight) = &old {
            if flags & !flight.flags == 0 {
                state.flight = old;
                return Ok(());
            }
        }
        let begun = self.fly(watch, state, None);
        match (begun, old) {
            (Err(_), old) => state.flight = old,
            (Ok(()), Some(old)) => watch.device.cancel(&old.operation.memory),
            (Ok(()), None) => {}
        }
        begun
    }

    /// Begins the flight of a registration that was due.
    fn resume(&self, watch: &Arc<Watch>, wait: Option<usize>) -> Result<(), NTSTATUS> {
        let mut state = watch.lock();
        state.due = false;
        let begun = if state.flight.is_none() {
            self.fly(watch, &mut state, wait)
        } else {
            self.renew(watch, &mut state)
        };
        match begun {
            Err(STATUS_INVALID_HANDLE) => {
                // Closed without being deregistered.
                state.ended = true;
                Ok(())
            }
            result => result,
        }
    }

    /// Lets a registration be due at the next wait.
    fn postpone(&self, watch: &Arc<Watch>) {
        if !std::mem::replace(&mut watch.lock().due, true) {
            self.due().watches.push(Arc::clone(watch));
        }
    }

    /// Leaves a flight that could not begin to the next wait, which tells if it fails again. Those who wait
    /// already have taken over what was due: one of them has to come anew.
    fn put_off(&self, watch: &Arc<Watch>) {
        self.postpone(watch);
        // It only comes later should this fail as well.
        let _delayed = self.wake().is_err();
    }

    /// Turns the packet of an operation into an event, if it still means something and there is
    /// something to report. Puts the registration into `due` if its next flight is for the next
    /// wait.
    fn land(
        &self,
        operation: Arc<Operation>,
        wait: usize,
        due: &mut Vec<Arc<Watch>>,
    ) -> Option<RawEvent> {
        let watch = operation.watch.upgrade()?;
        let mut state = watch.lock();
        let flight = state
            .flight
            .take_if(|flight| Arc::ptr_eq(&flight.operation, &operation))?;
        // SAFETY: the packet was taken from the port, so that the poll is over, and nobody begins
        // another one with this operation before it is the spare one, below.
        let answer = unsafe { operation.memory.read() };
        let asked = flight.flags & flags::request(state.trigger.armed());
        let flags = match answer {
            Ok(flags) if flags & flags::LOCAL_CLOSE != 0 => Err(STATUS_INVALID_HANDLE),
            Ok(flags) if flight.wait == Some(wait) => Ok(flags),
            Err(status) if status != STATUS_CANCELLED => Err(status),
            // Cancelled by nobody here: some systems do so when the thread that began it ends.
            _ if asked == 0 => Ok(0),
            _ => self.lookout.look(watch.socket, asked),
        };
        let flags = match flags {
            Ok(flags) => flags & asked,
            Err(STATUS_INVALID_HANDLE) => {
                // Closed without being deregistered.
                state.ended = true;
                return None;
            }
            // Whatever it is, the next operation on the socket will tell its owner.
            Err(_) => flags::ABORT,
        };
        state.spare = Some(operation);
        let ready = state.trigger.report(flags::readiness(flags));
        // A flight that cannot begin is tried again by the next wait, which tells if it fails too.
        let later = if ready.is_empty() {
            self.fly(&watch, &mut state, Some(wait)).is_err()
        } else {
            true
        };
        if later && !std::mem::replace(&mut state.due, true) {
            due.push(Arc::clone(&watch));
        }
        (!ready.is_empty()).then(|| RawEvent::new(state.key, ready))
    }

    /// Counts the calling thread among those that wait, and takes over what is due.
    fn enter(&self, due: &mut Vec<Arc<Watch>>) {
        let mut shared = self.due();
        shared.waiting += 1;
        std::mem::swap(&mut shared.watches, due);
    }

    /// Ends what [`enter`](AfdDriver::enter) began, and leaves behind what is due from now on.
    fn leave(&self, due: &mut Vec<Arc<Watch>>) {
        let mut shared = self.due();
        shared.waiting -= 1;
        if shared.waiting == 0 {
            shared.watches.append(due);
            return;
        }
        drop(shared);
        for watch in due.drain(..) {
            if self.resume(&watch, None).is_err() {
                self.put_off(&watch);
            }
        }
    }

    /// Takes packets from the port, and tells whether there was one.
    fn take(
        &self,
        events: &mut Vec<RawEvent>,
        room: usize,
        scratch: &mut Scratch,
        wait: usize,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        self.port.take(&mut scratch.packets, room, timeout)?;
        let packets = scratch.packets.drain();
        let any = packets.len() > 0;
        for context in packets.filter(|context| !context.is_null()) {
            self.aloft.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: every packet with a context is that of a flight, and comes once.
            let operation = unsafe { Operation::take_back(context) };
            events.extend(self.land(operation, wait, &mut scratch.due));
        }
        Ok(any)
    }
}

#[cfg(test)]
impl AfdDriver {
    /// How many handles of the device are open for flights.
    pub(super) fn open_devices(&self) -> usize {
        let devices = self.devices.lock().unwrap();
        devices
            .all
            .iter()
            .filter(|device| device.strong_count() > 0)
            .count()
    }

    /// How many threads wait.
    pub(super) fn waiting(&self) -> usize {
        self.due().waiting
    }

    /// Takes what is in the port, as the last wait would that began.
    pub(super) fn go_on_waiting(&self) -> Vec<RawEvent> {
        let (mut events, mut scratch) = (Vec::new(), Scratch::default());
        let last = self.waits.load(Ordering::Relaxed) - 1;
        let timeout = Some(Duration::ZERO);
        self.enter(&mut scratch.due);
        self.take(&mut events, 8, &mut scratch, last, timeout)
            .unwrap();
        self.leave(&mut scratch.due);
        events
    }

    /// The operations under way whose answers count.
    pub(super) fn lent(&self) -> Vec<Arc<Operation>> {
        let watches = self.watches();
        let states = watches.iter().flatten().map(|watch| watch.lock());
        states
            .filter_map(|state| Some(Arc::clone(&state.flight.as_ref()?.operation)))
            .collect()
    }
}

/// What a thread that waits needs room for.
#[derive(Default)]
pub(crate) struct Scratch {
    packets: Packets,
    /// Empty between waits.
    due: Vec<Arc<Watch>>,
}

impl Driver for AfdDriver {
    const EMULATES_EDGES: bool = true;

    fn new() -> io::Result<AfdDriver> {
        Ok(AfdDriver {
            port: Port::new()?,
            lookout: Device::synchronous()?,
            devices: Mutex::default(),
            watches: Mutex::default(),
            due: Mutex::default(),
            waits: AtomicUsize::new(0),
            aloft: AtomicUsize::new(0),
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
    ) -> io::Result<()> {
        let watch = Arc::new(Watch {
            socket: socket::base(source)?,
            device: self.device()?,
            state: Mutex::new(State {
                key,
                trigger: Trigger::new(interest, opts),
                flight: None,
                spare: None,
                due: false,
                ended: false,
            }),
        });
        self.fly(&watch, &mut watch.lock(), None).map_err(error)?;
        let number = key.index.number();
        let mut watches = self.watches();
        if watches.len() <= number {
            watches.resize(number + 1, None);
        }
        watches[number] = Some(watch);
        Ok(())
    }

    fn reregister(
        &self,
        _source: RawSocket,
        key: Key,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let watch = self.watch(key)?;
        let mut state = watch.lock();
        let before = (state.key, state.trigger);
        (state.key, state.trigger) = (key, Trigger::new(interest, opts));
        let renewed = self.renew(&watch, &mut state);
        if renewed.is_err() {
            (state.key, state.trigger) = before;
        }
        renewed.map_err(error)
    }

    fn deregister(&self, _source: RawSocket, key: Key) -> io::Result<()> {
        let watch = self
            .watches()
            .get_mut(key.index.number())
            .and_then(Option::take);
        let watch = watch.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        watch.end();
        Ok(())
    }

    fn forget(&self, source: RawSocket, key: Key) {
        // There is no registration that is not in the list.
        let _ended_already = self.deregister(source, key).is_err();
    }

    fn rearm(&self, _source: RawSocket, key: Key, direction: Ready, drained: Drained) -> bool {
        let Ok(watch) = self.watch(key) else {
            return false;
        };
        let mut state = watch.lock();
        if state.key != key {
            return false;
        }
        if let Some(flight) = &mut state.flight {
            // Also where the trigger stays as it is: the packet may be in the port already, from before
            // the source was drained.
            flight.wait = None;
        }
        if !state.trigger.rearm(direction, drained) {
            return false;
        }
        let renewed = self.renew(&watch, &mut state);
        drop(state);
        if renewed.is_err() {
            self.put_off(&watch);
        }
        true
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
        for watch in scratch.due.drain(..) {
            if let Err(status) = self.resume(&watch, Some(wait)) {
                self.postpone(&watch);
                failed = Err(error(status));
            }
        }
        let mut timeout = if failed.is_ok() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let result = loop {
            let taken = match self.take(events, room, scratch, wait, timeout) {
                Ok(taken) => taken,
                Err(error) => break Err(error),
            };
            // Packets that meant nothing, wakes among them, are no reason to overlook what is
            // behind them. Once there is an event it is the end: packets of two rounds may be of
            // one source.
            if events.len() > start || !taken {
                break Ok(());
            }
            timeout = Some(Duration::ZERO);
        };
        self.leave(&mut scratch.due);
        if events.len() == start {
            return result.and(failed);
        }
        if failed.is_err() {
            // This one has something else to tell: who waits has to come anew for it.
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
        for watch in self.watches().drain(..).flatten() {
            watch.end();
        }
        // The system writes to the memory of a poll until its packet was taken. A packet that
        // does not come leaves the memory behind, lent for ever.
        let mut scratch = Scratch::default();
        while self.aloft.load(Ordering::Relaxed) > 0 {
            let taken = self.take(&mut Vec::new(), 64, &mut scratch, 0, Some(PATIENCE));
            if !taken.is_ok_and(|any| any) {
                break;
            }
        }
    }
}
