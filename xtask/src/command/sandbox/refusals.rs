//! Filters of system calls (`seccomp(2)`) that stand for kernels and sandboxes.

use std::collections::BTreeMap;
use std::env::consts;
use std::ffi::{c_int, c_long};
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use seccompiler::SeccompCmpOp::{Eq, Ge, Le, MaskedEq, Ne};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::environment::{Refusal, TIMER_SLACK, Version};

/// The calls that came after Linux 3.17.
const NEW_CALLS: &[(Version, &[c_long])] = &[
    ((3, 18), &[libc::SYS_bpf]),
    ((3, 19), &[libc::SYS_execveat]),
    ((4, 3), &[libc::SYS_userfaultfd, libc::SYS_membarrier]),
    ((4, 4), &[libc::SYS_mlock2]),
    ((4, 5), &[libc::SYS_copy_file_range]),
    ((4, 6), &[libc::SYS_preadv2, libc::SYS_pwritev2]),
    ((4, 9), PROTECTION_KEYS),
    ((4, 11), &[libc::SYS_statx]),
    ((4, 18), &[libc::SYS_rseq]),
];

const PROTECTION_KEYS: &[c_long] = &[
    libc::SYS_pkey_mprotect,
    libc::SYS_pkey_alloc,
    libc::SYS_pkey_free,
];

/// The calls since Linux 5.1, whose numbers are the same on all processors.
const NUMBERED_CALLS: &[(Version, RangeInclusive<c_long>)] = &[
    ((5, 1), 424..=427),  // pidfd_send_signal, io_uring_*
    ((5, 2), 428..=433),  // open_tree, move_mount, fs*
    ((5, 3), 434..=435),  // pidfd_open, clone3
    ((5, 6), 437..=438),  // openat2, pidfd_getfd
    ((5, 8), 439..=439),  // faccessat2
    ((5, 9), 436..=436),  // close_range
    ((5, 10), 440..=440), // process_madvise
    ((5, 11), 441..=441), // epoll_pwait2
    ((5, 12), 442..=511),
];

/// The socket options that came after Linux 3.17, a level with numbers at a time.
const NEW_OPTIONS: &[(Version, c_int, RangeInclusive<c_int>)] = &[
    ((3, 19), libc::SOL_SOCKET, 49..=50), // SO_INCOMING_CPU, SO_ATTACH_BPF
    ((4, 5), libc::SOL_SOCKET, 51..=52),  // SO_ATTACH_REUSEPORT_*
    ((4, 6), libc::SOL_SOCKET, 53..=53),  // SO_CNX_ADVICE
    ((4, 10), libc::SOL_SOCKET, 54..=54), // SCM_TIMESTAMPING_OPT_STATS
    ((4, 12), libc::SOL_SOCKET, 55..=57), // SO_MEMINFO, SO_INCOMING_NAPI_ID, SO_COOKIE
    ((4, 13), libc::SOL_SOCKET, 58..=59), // SO_PEERGROUPS
    ((4, 14), libc::SOL_SOCKET, 60..=60), // SO_ZEROCOPY
    ((4, 19), libc::SOL_SOCKET, 61..=61), // SO_TXTIME
    ((5, 0), libc::SOL_SOCKET, 62..=62),  // SO_BINDTOIFINDEX
    ((5, 1), libc::SOL_SOCKET, 63..=67),  // those of 64-bit times
    ((5, 3), libc::SOL_SOCKET, 68..=68),  // SO_DETACH_REUSEPORT_BPF
    ((5, 11), libc::SOL_SOCKET, 69..=255), // SO_PREFER_BUSY_POLL and later
    ((4, 1), libc::IPPROTO_TCP, 26..=26), // TCP_CC_INFO
    ((4, 2), libc::IPPROTO_TCP, 27..=28), // TCP_SAVE_SYN, TCP_SAVED_SYN
    ((4, 8), libc::IPPROTO_TCP, 29..=29), // TCP_REPAIR_WINDOW
    ((4, 11), libc::IPPROTO_TCP, 30..=30), // TCP_FASTOPEN_CONNECT
    ((4, 13), libc::IPPROTO_TCP, 31..=31), // TCP_ULP
    ((4, 14), libc::IPPROTO_TCP, 32..=32), // TCP_MD5SIG_EXT
    ((4, 15), libc::IPPROTO_TCP, 33..=34), // TCP_FASTOPEN_KEY, TCP_FASTOPEN_NO_COOKIE
    ((4, 18), libc::IPPROTO_TCP, 35..=36), // TCP_ZEROCOPY_RECEIVE, TCP_INQ
    ((5, 3), libc::IPPROTO_TCP, 37..=37), // TCP_TX_DELAY
    ((5, 11), libc::IPPROTO_TCP, 38..=255),
    ((4, 18), libc::IPPROTO_UDP, 103..=103), // UDP_SEGMENT
    ((5, 0), libc::IPPROTO_UDP, 104..=104),  // UDP_GRO
    ((4, 0), libc::IPPROTO_IP, 23..=23),     // IP_CHECKSUM
    ((4, 2), libc::IPPROTO_IP, 24..=24),     // IP_BIND_ADDRESS_NO_PORT
    ((4, 10), libc::IPPROTO_IP, 25..=25),    // IP_RECVFRAGSIZE
    ((5, 9), libc::IPPROTO_IP, 26..=26),     // IP_RECVERR_RFC4884
    ((6, 3), libc::IPPROTO_IP, 51..=255),    // IP_LOCAL_PORT_RANGE and later
    ((4, 5), libc::IPPROTO_IPV6, 36..=36),   // IPV6_HDRINCL
    ((4, 10), libc::IPPROTO_IPV6, 77..=77),  // IPV6_RECVFRAGSIZE
    ((4, 15), libc::IPPROTO_IPV6, 78..=78),  // IPV6_FREEBIND
    ((5, 0), libc::IPPROTO_IPV6, 29..=29),   // IPV6_MULTICAST_ALL
    ((5, 1), libc::IPPROTO_IPV6, 30..=30),   // IPV6_ROUTER_ALERT_ISOLATE
    ((5, 9), libc::IPPROTO_IPV6, 31..=31),   // IPV6_RECVERR_RFC4884
];

/// What sets and gets how an epoll busy-polls, with `ioctl(2)`, since Linux 6.9; `ENOTTY` before. gVisor has
/// neither.
const BUSY_POLL: [u32; 2] = [0x4008_8a01, 0x8008_8a02]; // EPIOCSPARAMS, EPIOCGPARAMS

/// The calls that gVisor's table (pkg/sentry/syscalls/linux/linux64.go) says are missing, of those that
/// programs use without being root.
const GVISOR_LACKS: &[c_long] = &[
    libc::SYS_copy_file_range,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_pkey_alloc,
    libc::SYS_pkey_free,
    libc::SYS_pkey_mprotect,
    libc::SYS_userfaultfd,
    libc::SYS_vmsplice,
];

/// The numbers that gVisor does not have: io_uring_register, fspick, and all after epoll_pwait2 and before it.
const GVISOR_LACKS_NUMBERS: [RangeInclusive<c_long>; 4] =
    [427..=427, 433..=433, 440..=440, 442..=511];

/// The options that gVisor's TCP and Unix sockets know (pkg/sentry/socket/netstack/netstack.go).
const GVISOR_KNOWS: &[(c_int, &[c_int])] = &[
    (
        libc::SOL_SOCKET,
        &[
            libc::SO_ACCEPTCONN,
            libc::SO_BINDTODEVICE,
            libc::SO_BROADCAST,
            libc::SO_DOMAIN,
            libc::SO_ERROR,
            libc::SO_KEEPALIVE,
            libc::SO_LINGER,
            libc::SO_NO_CHECK,
            libc::SO_OOBINLINE,
            libc::SO_PASSCRED,
            libc::SO_PEERCRED,
            libc::SO_PROTOCOL,
            libc::SO_RCVBUF,
            libc::SO_RCVLOWAT,
            libc::SO_RCVTIMEO,
            libc::SO_REUSEADDR,
            libc::SO_REUSEPORT,
            libc::SO_SNDBUF,
            libc::SO_SNDTIMEO,
            libc::SO_TIMESTAMP,
            libc::SO_TYPE,
        ],
    ),
    (
        libc::IPPROTO_TCP,
        &[
            libc::TCP_CONGESTION,
            libc::TCP_CORK,
            libc::TCP_DEFER_ACCEPT,
            libc::TCP_INFO,
            libc::TCP_INQ,
            libc::TCP_KEEPCNT,
            libc::TCP_KEEPIDLE,
            libc::TCP_KEEPINTVL,
            libc::TCP_LINGER2,
            libc::TCP_MAXSEG,
            libc::TCP_NODELAY,
            libc::TCP_QUICKACK,
            libc::TCP_SYNCNT,
            libc::TCP_USER_TIMEOUT,
            libc::TCP_WINDOW_CLAMP,
        ],
    ),
    (libc::IPPROTO_UDP, &[]),
    (
        libc::IPPROTO_IP,
        &[
            libc::IP_ADD_MEMBERSHIP,
            libc::IP_DROP_MEMBERSHIP,
            libc::IP_HDRINCL,
            libc::IP_MULTICAST_IF,
            libc::IP_MULTICAST_LOOP,
            libc::IP_MULTICAST_TTL,
            libc::IP_PKTINFO,
            libc::IP_RECVERR,
            libc::IP_RECVORIGDSTADDR,
            libc::IP_RECVTOS,
            libc::IP_TOS,
            libc::IP_TTL,
        ],
    ),
    (
        libc::IPPROTO_IPV6,
        &[
            libc::IPV6_ADD_MEMBERSHIP,
            libc::IPV6_DROP_MEMBERSHIP,
            libc::IPV6_RECVERR,
            libc::IPV6_RECVORIGDSTADDR,
            libc::IPV6_RECVTCLASS,
            libc::IPV6_TCLASS,
            libc::IPV6_V6ONLY,
        ],
    ),
];

/// Which of a call's arguments has to compare how to a number.
type Condition = (u8, SeccompCmpOp, c_int);

/// What to do instead of calls, by their numbers; each call with the conditions it is refused under, all
/// of which must hold.
#[derive(Default)]
pub(super) struct Refusals {
    filters: Vec<(SeccompAction, BTreeMap<i64, Vec<SeccompRule>>)>,
    probes: Vec<Probe>,
}

/// A call that shows that a refusal works.
struct Probe {
    call: c_long,
    /// They meet the conditions of the refusal; the kernel itself fails for all others, or does nothing.
    arguments: [c_long; 6],
    action: SeccompAction,
}

impl Refusals {
    /// Refuses the calls and options that were added after `version`, with the errors of a kernel that does not know them.
    pub(super) fn of_kernel(version: Version) -> Result<Self> {
        let mut refusals = Self::default();
        let unknown = || SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
        for (_, calls) in NEW_CALLS.iter().filter(|(since, _)| *since > version) {
            refusals.add(unknown(), calls.iter().copied(), &[])?;
        }
        for (_, calls) in NUMBERED_CALLS.iter().filter(|(since, _)| *since > version) {
            refusals.add(unknown(), calls.clone(), &[])?;
        }
        for (since, level, options) in NEW_OPTIONS {
            if *since > version {
                refusals.add(
                    SeccompAction::Errno(libc::ENOPROTOOPT.cast_unsigned()),
                    [libc::SYS_getsockopt, libc::SYS_setsockopt],
                    &[
                        (1, Eq, *level),
                        (2, Ge, *options.start()),
                        (2, Le, *options.end()),
                    ],
                )?;
            }
        }
        refusals.add_busy_poll()?;
        Ok(refusals)
    }

    pub(super) fn of_gvisor() -> Result<Self> {
        let mut refusals = Self::default();
        let error = |errno: c_int| SeccompAction::Errno(errno.cast_unsigned());
        let numbers = GVISOR_LACKS_NUMBERS.into_iter().flatten();
        let lacks = GVISOR_LACKS.iter().copied().chain(numbers);
        refusals.add(error(libc::ENOSYS), lacks, &[])?;
        refusals.add_by_name(error(libc::EINVAL), TIMER_SLACK)?;
        for (level, known) in GVISOR_KNOWS {
            let unknown = known.iter().map(|&option| (2, Ne, option));
            let conditions: Vec<_> = unknown.chain([(1, Eq, *level)]).collect();
            refusals.add(
                error(libc::ENOPROTOOPT),
                [libc::SYS_getsockopt],
                &conditions,
            )?;
            // It does nothing and says that this went well.
            refusals.add(error(0), [libc::SYS_setsockopt], &conditions)?;
        }
        refusals.add_busy_poll()?;
        let urgent = MaskedEq(u64::from(libc::MSG_OOB.cast_unsigned()));
        for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2)] {
            refusals.add(
                error(libc::EINVAL),
                [call],
                &[(flags, urgent.clone(), libc::MSG_OOB)],
            )?;
        }
        Ok(refusals)
    }

    pub(super) fn of_calls(names: &[&str], refusal: Refusal) -> Result<Self> {
        let action = match refusal {
            Refusal::Unknown => SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
            Refusal::Forbidden => SeccompAction::Errno(libc::EPERM.cast_unsigned()),
            Refusal::NoAccess => SeccompAction::Errno(libc::EACCES.cast_unsigned()),
            Refusal::Kill => SeccompAction::KillProcess,
        };
        let mut refusals = Self::default();
        for name in names {
            refusals.add_by_name(action.clone(), name)?;
        }
        Ok(refusals)
    }

    pub(super) fn of_ipv6() -> Result<Self> {
        let mut refusals = Self::default();
        refusals.add(
            SeccompAction::Errno(libc::EAFNOSUPPORT.cast_unsigned()),
            [libc::SYS_socket],
            &[(0, Eq, libc::AF_INET6)],
        )?;
        Ok(refusals)
    }

    fn add_busy_poll(&mut self) -> Result<()> {
        for request in BUSY_POLL {
            self.add(
                SeccompAction::Errno(libc::ENOTTY.cast_unsigned()),
                [libc::SYS_ioctl],
                &[(1, Eq, request.cast_signed())],
            )?;
        }
        Ok(())
    }

    fn add_by_name(&mut self, action: SeccompAction, name: &str) -> Result<()> {
        let (call, conditions): (_, &[Condition]) = match name {
            "epoll_pwait2" => (libc::SYS_epoll_pwait2, &[]),
            "ppoll" => (libc::SYS_ppoll, &[]),
            "eventfd2" => (libc::SYS_eventfd2, &[]),
            TIMER_SLACK => (libc::SYS_prctl, &[(0, Eq, libc::PR_GET_TIMERSLACK)]),
            _ => anyhow::bail!("{name} has no number here"),
        };
        self.add(action, [call], conditions)
    }

    fn add(
        &mut self,
        action: SeccompAction,
        calls: impl IntoIterator<Item = c_long>,
        conditions: &[Condition],
    ) -> Result<()> {
        let place = self.filters.iter().position(|(other, _)| *other == action);
        let place = place.unwrap_or_else(|| {
            self.filters.push((action.clone(), BTreeMap::new()));
            self.filters.len() - 1
        });
        for call in calls {
            self.probes.push(Probe {
                call,
                arguments: arguments(conditions),
                action: action.clone(),
            });
            // Without a rule a call is refused whatever its arguments are.
            let rules = self.filters[place].1.entry(call).or_default();
            if !conditions.is_empty() {
                rules.push(rule(conditions)?);
            }
        }
        Ok(())
    }

    /// Installs the filters in this thread, for good and for the program that it becomes.
    ///
    /// # Errors
    /// Also if a call is not refused afterwards.
    pub(super) fn install(self) -> Result<()> {
        let processor = consts::ARCH.try_into()?;
        for (action, rules) in self.filters {
            let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, processor)?;
            let program = BpfProgram::try_from(filter)?;
            apply_filter(&program).context("the kernel needs CONFIG_SECCOMP_FILTER")?;
        }
        self.probes.iter().try_for_each(Probe::check)
    }
}

impl Probe {
    /// Makes the call.
    ///
    /// # Errors
    /// If it is not refused as it should be.
    fn check(&self) -> Result<()> {
        let Self {
            call,
            arguments,
            action,
        } = self;
        match action {
            SeccompAction::Errno(errno) => {
                let made = self.make().map_err(|error| error.raw_os_error());
                let expected = match *errno {
                    0 => Ok(0),
                    errno => Err(Some(errno.cast_signed())),
                };
                ensure!(
                    made == expected,
                    "call {call} with {arguments:?} is not refused: {made:?} instead of {expected:?}"
                );
            }
            _ => {
                let probe = Self {
                    action: action.clone(),
                    ..*self
                };
                let mut command = Command::new("true");
                // SAFETY: the closure makes one system call and neither allocates nor locks.
                unsafe { command.pre_exec(move || probe.make().map(drop)) };
                let ended = command.status();
                let signal = ended.as_ref().ok().and_then(ExitStatus::signal);
                ensure!(
                    signal == Some(libc::SIGSYS),
                    "call {call} with {arguments:?} does not kill: {ended:?}"
                );
            }
        }
        Ok(())
    }

    fn make(&self) -> io::Result<c_long> {
        let [first, second, third, fourth, fifth, sixth] = self.arguments;
        // SAFETY: if the kernel makes the call, it accesses no memory: no argument is the address of a page.
        let result =
            unsafe { libc::syscall(self.call, first, second, third, fourth, fifth, sixth) };
        if result == -1 {
            return Err(io::Error::last_os_error());
        }
        Ok(result)
    }
}

/// Arguments that meet `conditions`; the others are -1, which is no descriptor, no address and no set of flags.
fn arguments(conditions: &[Condition]) -> [c_long; 6] {
    /// An option that no level has.
    const UNKNOWN: c_long = 9999;
    let mut arguments = [-1; 6];
    for (argument, operator, value) in conditions {
        let argument = &mut arguments[usize::from(*argument)];
        match operator {
            Ne => *argument = UNKNOWN,
            // The range's start, which comes first, is inside.
            Le => {}
            _ => *argument = c_long::from(*value),
        }
    }
    arguments
}

fn rule(conditions: &[Condition]) -> Result<SeccompRule> {
    let conditions = conditions.iter().map(|(argument, operator, value)| {
        let value = u64::from(value.cast_unsigned());
        SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), value)
    });
    Ok(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn all() -> Vec<Refusals> {
        let single = |refusal| Refusals::of_calls(&["epoll_pwait2", TIMER_SLACK], refusal);
        [
            Refusals::of_kernel((3, 17)),
            Refusals::of_gvisor(),
            Refusals::of_ipv6(),
            single(Refusal::Unknown),
            single(Refusal::Forbidden),
            single(Refusal::NoAccess),
            single(Refusal::Kill),
        ]
        .map(|refusals| refusals.expect("filters"))
        .into()
    }

    #[test]
    fn what_a_filter_should_refuse_is_refused() {
        for refusals in all() {
            // It holds for the thread alone.
            let thread = thread::spawn(|| refusals.install());
            thread.join().expect("no panic").expect("all is refused");
        }
    }

    #[test]
    fn a_missing_filter_is_noticed() {
        for mut refusals in all() {
            refusals.filters.clear();
            assert!(refusals.install().is_err());
        }
    }

    #[test]
    fn a_filter_with_another_error_is_noticed() {
        let mut refusals = Refusals::of_ipv6().expect("filters");
        refusals.filters[0].0 = SeccompAction::Errno(libc::EPERM.cast_unsigned());
        let thread = thread::spawn(|| refusals.install());
        let error = thread.join().expect("no panic").expect_err("another error");
        assert!(error.to_string().contains("is not refused"), "{error}");
    }
}
