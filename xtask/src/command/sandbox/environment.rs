//! The environments: what each stands for, and what runs in it.

use std::slice;

use anyhow::Result;

use super::lab::{self, Room, Tally};
use crate::namespace::Namespace;

/// A kind of process, and of network, that tests run in.
pub(super) struct Environment {
    pub(super) name: String,
    /// What it stands for, and what it does not show.
    pub(super) about: String,
    pub(super) setup: Setup,
    /// Prepares a network for it; without this it has the machine's.
    pub(super) network: Option<fn(&Namespace<'_>) -> Result<()>>,
    pub(super) run: fn(&Room<'_>) -> Result<Tally>,
    /// Why tests are skipped there, in CI too: the reasons that tests give.
    pub(super) skips: &'static [&'static str],
}

impl Environment {
    fn with_skips(self, skips: &'static [&'static str]) -> Self {
        Self { skips, ..self }
    }
}

/// What the launcher does to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Nothing,
    /// Refuses the calls and options that were added in later versions of Linux.
    Kernel(Version),
    /// Refuses what gVisor does not have.
    Gvisor,
    /// Refuses calls by these names.
    Refuse(&'static [&'static str], Refusal),
    /// Refuses sockets of IPv6.
    NoIpv6,
    /// Closes descriptors 0 to 2.
    NoStandardStreams,
    /// Lowers the limit of descriptors.
    Descriptors(u32),
    /// Gives each thread a stack of so many bytes.
    Stack(u32),
    /// Moves into a folder that holds the program and its libraries alone.
    Chroot,
    BlockSignals,
    /// Sends real-time signals to every thread without end.
    Storm,
}

/// A version of Linux: the first two numbers.
pub(super) type Version = (u32, u32);

/// What happens instead of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Unknown,
    Forbidden,
    NoAccess,
    Kill,
}

/// The calls of the library that it can do without, and what they are by name.
const REPLACEABLE: &[&str] = &[
    "epoll_pwait2",
    // The only poll(2) of processors that came later.
    #[cfg(target_arch = "x86_64")]
    "ppoll",
    "eventfd2",
    TIMER_SLACK,
];

/// `prctl(PR_GET_TIMERSLACK)`.
pub(super) const TIMER_SLACK: &str = "timer-slack";

/// Versions of Linux, with the reasons why tests are skipped there.
const KERNELS: &[(Version, &[&str])] = &[
    ((3, 17), &["no SO_INCOMING_CPU", "no TCP_FASTOPEN_CONNECT"]),
    ((4, 9), &["no TCP_FASTOPEN_CONNECT"]),
    ((4, 19), &[]),
    ((5, 4), &[]),
    ((5, 10), &[]),
];

const GVISOR_SKIPS: &[&str] = &[
    "no IPV6_FLOWINFO_SEND",
    "no IPV6_MULTICAST_HOPS",
    "no IPV6_MULTICAST_LOOP",
    "no IPV6_UNICAST_HOPS",
    "no SO_BUSY_POLL",
    "no SO_INCOMING_CPU",
    "no SO_MARK",
    "no SO_PRIORITY",
    "no TCP_FASTOPEN",
    "no TCP_FASTOPEN_CONNECT",
    "no TCP_NOTSENT_LOWAT",
    "no buffers past the limit, and no error",
    "no urgent data",
];

const CHROOT_SKIPS: &[&str] = &[
    "no /bin/sh",
    "no /dev/fd",
    "no /proc/sys/kernel/osrelease",
    "no /proc/sys/net/core/rmem_max",
    "no /proc/sys/net/core/wmem_max",
    "no /proc/sys/net/ipv4/tcp_fastopen",
    "no cat",
    "no strace",
];

const NO_IPV6: &str = "no IPv6";

/// All environments.
pub(super) fn all() -> Vec<Environment> {
    let kernels = KERNELS.iter().map(|&(version, skips)| {
        let (major, minor) = version;
        environment(
            format!("linux-{major}.{minor}"),
            format!(
                "The calls that Linux {major}.{minor} does not have fail with ENOSYS, and its unknown socket \
                 options with ENOPROTOOPT. What it does differently with calls and options it has is not shown: \
                 flags, bytes of structures, bugs, and what files in /proc and /sys say."
            ),
            Setup::Kernel(version),
            lab::tests_and_echo,
        )
        .with_skips(skips)
    });
    let gvisor = environment(
        "gvisor",
        "By its table of calls and its source: unimplemented calls fail with ENOSYS, unknown socket options read \
         as ENOPROTOOPT and are ignored when set, and there is neither urgent data nor a timer slack. What gVisor \
         does differently beyond that is not shown, its own TCP above all.",
        Setup::Gvisor,
        lab::tests_and_echo,
    )
    .with_skips(GVISOR_SKIPS);
    let single = REPLACEABLE.iter().flat_map(|call| {
        [
            (Refusal::Unknown, "ENOSYS"),
            (Refusal::Forbidden, "EPERM"),
            (Refusal::NoAccess, "EACCES"),
        ]
        .map(|(refusal, error)| {
            environment(
                format!("{call}-{error}"),
                format!(
                    "A sandbox that refuses {call} with {error}: the tests of selector, or `echo` on each backend for \
                     ppoll, which those tests call themselves."
                ),
                Setup::Refuse(slice::from_ref(call), refusal),
                if *call == "ppoll" {
                    lab::echo
                } else {
                    lab::tests_of_selector
                },
            )
            .with_skips(if *call == "eventfd2" {
                &["no eventfd(2)"]
            } else {
                &[]
            })
        })
    });
    let mut environments: Vec<_> = kernels.chain([gvisor]).chain(single).collect();
    environments.extend([
        environment(
            "kill",
            "A sandbox that kills for epoll_pwait2, for ppoll where there is poll, and for \
             prctl(PR_GET_TIMERSLACK): `echo` with the switch that avoids them, on each backend.",
            Setup::Refuse(
                &[
                    "epoll_pwait2",
                    #[cfg(target_arch = "x86_64")]
                    "ppoll",
                    TIMER_SLACK,
                ],
                Refusal::Kill,
            ),
            lab::echo_in_whole_milliseconds,
        ),
        environment(
            "no-streams",
            "A service that is started with descriptors 0 to 2 closed. Rust's runtime opens /dev/null in their \
             place before `main`; a test of selector closes them again.",
            Setup::NoStandardStreams,
            lab::tests,
        ),
        environment(
            "ten-descriptors",
            "RLIMIT_NOFILE of 10: a server `echo` on each backend, whose 64 clients outside must all be served, a \
             few at a time. Test programs need more.",
            Setup::Descriptors(10),
            lab::server_for_many,
        ),
        environment(
            "small-stack",
            "64 KiB of stack for the main thread and by default for others. The command line of `echo` needs more.",
            Setup::Stack(64 << 10),
            lab::tests,
        ),
        environment(
            "empty-chroot",
            "A root directory that holds the program, its libraries, /dev/null and an empty /tmp alone: no /proc, \
             /sys or /etc.",
            Setup::Chroot,
            lab::tests_and_echo,
        )
        .with_skips(CHROOT_SKIPS),
        environment(
            "blocked-signals",
            "All signals are blocked from the start.",
            Setup::BlockSignals,
            lab::tests_and_echo,
        ),
        environment(
            "signal-storm",
            "Every thread gets a real-time signal each millisecond, with a handler that returns (SA_RESTART).",
            Setup::Storm,
            lab::tests_and_echo,
        ),
        environment(
            "no-ipv6-sockets",
            "A kernel without IPv6: no socket of that family can be made.",
            Setup::NoIpv6,
            lab::tests_and_echo,
        )
        .with_skips(&[NO_IPV6]),
        Environment {
            network: Some(|network| network.set("net.ipv6.conf.all.disable_ipv6", "1")),
            ..environment(
                "no-ipv6-addresses",
                "IPv6 is switched off: sockets can be made, but no interface has an address.",
                Setup::Nothing,
                lab::tests_and_echo,
            )
            .with_skips(&[NO_IPV6])
        },
        Environment {
            network: Some(|network| {
                network.ip("address flush dev lo")?;
                network.ip("link set lo down")
            }),
            ..environment(
                "no-loopback",
                "A network without a loopback address: `echo` on each backend must fail with an error that says why. \
                 Test programs need the address.",
                Setup::Nothing,
                lab::echo_without_loopback,
            )
        },
        Environment {
            network: Some(|network| {
                // No port is kept for connections that are over.
                network.set("net.ipv4.tcp_max_tw_buckets", "0")?;
                network.set("net.ipv4.ip_local_port_range", "40000 40001")
            }),
            ..environment(
                "two-ports",
                "Two ephemeral ports: `echo` on each backend gets by with two clients, and with eight fails with an \
                 error that says so. Test programs need more.",
                Setup::Nothing,
                lab::echo_on_two_ports,
            )
        },
    ]);
    environments
}

fn environment(
    name: impl Into<String>,
    about: impl Into<String>,
    setup: Setup,
    run: fn(&Room<'_>) -> Result<Tally>,
) -> Environment {
    Environment {
        name: name.into(),
        about: about.into(),
        setup,
        network: None,
        run,
        skips: &[],
    }
}
