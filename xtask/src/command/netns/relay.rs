//! A relay between two TUN devices that delays, reorders, duplicates and loses packets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How packets are treated, in either direction. Probabilities are in thousandths.
#[derive(Clone, Copy, Default)]
pub(super) struct Conditions {
    pub(super) delay: Duration,
    /// Up to so much more, at random. Packets are put out in the order that results.
    pub(super) jitter: Duration,
    pub(super) duplicated: u64,
    pub(super) lost: u64,
}

/// An interface whose packets this process reads and writes.
pub(super) struct Device {
    file: File,
}

/// Relays packets both ways until a device is gone.
pub(super) fn start(one: &Device, other: &Device, conditions: Conditions) -> Result<()> {
    for (from, to, seed) in [(one, other, 1), (other, one, 2)] {
        let (from, to) = (from.file.try_clone()?, to.file.try_clone()?);
        let (sender, packets) = channel();
        thread::spawn(move || receive(from, &sender, conditions, Random(seed)));
        thread::spawn(move || put_out(to, &packets));
    }
    Ok(())
}

/// A packet and when it is to be put out.
type Packet = (Instant, Vec<u8>);

/// Reads packets, and decides what becomes of each.
fn receive(mut from: File, sender: &Sender<Packet>, conditions: Conditions, mut random: Random) {
    let mut buffer = vec![0; 65536];
    // Fails once the namespace, and the device with it, is removed.
    while let Ok(count) = from.read(&mut buffer) {
        if random.below(1000) < conditions.lost {
            continue;
        }
        let copies = 1 + u64::from(random.below(1000) < conditions.duplicated);
        for _ in 0..copies {
            let jitter = random.below(1 + conditions.jitter.as_micros() as u64);
            let due = Instant::now() + conditions.delay + Duration::from_micros(jitter);
            if sender.send((due, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    }
}

/// Writes packets when they are due.
fn put_out(mut to: File, packets: &Receiver<Packet>) {
    let mut waiting = BinaryHeap::new();
    loop {
        let next = match waiting.peek() {
            Some(Reverse((due, _))) => {
                let left = Instant::saturating_duration_since(due, Instant::now());
                packets.recv_timeout(left)
            }
            None => packets.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match next {
            Ok(packet) => waiting.push(Reverse(packet)),
            Err(RecvTimeoutError::Timeout) => {
                let Some(Reverse((_, packet))) = waiting.pop() else {
                    continue;
                };
                // A device that is down takes no packet: that one is lost.
                let _lost = to.write_all(&packet).is_err();
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Pseudo-random numbers (xorshift), so that every run treats packets alike.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[cfg(unix)]
mod device {
    use std::ffi::{CStr, c_short};
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    use anyhow::{Context, Result};

    use super::Device;

    const TUNSETIFF: u32 = 0x4004_54ca;
    const IFF_TUN: c_short = 1;
    const IFF_NO_PI: c_short = 0x1000;

    /// The kernel's `struct ifreq`, as far as `TUNSETIFF` uses it.
    #[repr(C)]
    struct Request {
        name: [u8; 16],
        flags: c_short,
        unused: [u8; 22],
    }

    impl Device {
        /// Makes a TUN device, for whole IP packets. Returns it with its name.
        pub(in super::super) fn open() -> Result<(Self, String)> {
            let needs = "cannot make a TUN device: the kernel needs CONFIG_TUN";
            let mut options = File::options();
            let file = options.read(true).write(true).open("/dev/net/tun");
            let file = file.context(needs)?;
            let mut request = Request {
                name: [0; 16],
                flags: IFF_TUN | IFF_NO_PI,
                unused: [0; 22],
            };
            let fd = file.as_raw_fd();
            // SAFETY: the descriptor is open, and the structure is as large as the kernel's and is
            // written by nobody else.
            let result = unsafe { libc::ioctl(fd, TUNSETIFF as _, &mut request) };
            if result != 0 {
                return Err(io::Error::last_os_error()).context(needs);
            }
            let name = CStr::from_bytes_until_nul(&request.name)?.to_str()?;
            Ok((Self { file }, name.to_owned()))
        }
    }
}

#[cfg(not(unix))]
mod device {
    use anyhow::{Result, bail};

    use super::Device;

    impl Device {
        pub(in super::super) fn open() -> Result<(Self, String)> {
            bail!("only Linux has TUN devices")
        }
    }
}
