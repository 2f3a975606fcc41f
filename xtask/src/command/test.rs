//! `cargo xtask test`

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::Result;
use clap::Args;
use xshell::{Shell, cmd};

use crate::cross;
use crate::namespace::Namespace;
use crate::suite::{self, Tally};
use crate::workspace;

/// The packages that `--rps` tests: those whose tests depend on when packets arrive.
const RPS_PACKAGES: &[&str] = &[
    "selector",
    "tcp-stream",
    "tcp-listener",
    "udp-socket",
    "unix-socket",
    "unix-pipe",
];

/// The packages whose tests connect to nothing.
const UNCONNECTED: &[&str] = &["token-ready", "xtask"];

/// Run every unit, integration and doc test, those of system-call optimised and with `use-libc` too, and each
/// benchmark once
///
/// The last line counts the tests that passed, failed, and were skipped because the machine does not have what they
/// need, by reason; without a loopback interface most packages are skipped as a whole. Where the environment variable
/// `CI` is `true`, skipping is a failure.
///
/// Needs, on Linux (installed if missing): strace, for the tests that count system calls; and
/// real servers and clients, with which the examples are proven: redis, PostgreSQL, curl, wrk, socat, nc.
#[derive(Args)]
pub(crate) struct Test {
    /// Test the selector and the sockets alone, on a loopback interface that hands packets to another
    /// processor (RPS): on Linux, as root
    ///
    /// A packet that was sent has not arrived yet when the call returns, which is not so on an ordinary
    /// loopback interface. Needs iproute2 and nftables (installed if missing).
    #[arg(long)]
    rps: bool,
}

impl Test {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        suite::install_programs(sh)?;
        if self.rps {
            return run_with_rps(sh);
        }
        if !has_loopback() {
            return run_without_loopback(sh);
        }
        // As tests, criterion's benchmarks run once and measure nothing.
        cmd!(sh, "cargo test --package benches --benches").run()?;
        let mut tally = Tally::default();
        tally.run(cmd!(sh, "cargo test --workspace --no-fail-fast"))?;
        tally.run(cmd!(sh, "cargo test").args(suite::OPTIMISED))?;
        let use_libc = "--features=use-libc";
        tally.run(cmd!(sh, "cargo test --package system-call {use_libc}"))?;
        tally.run(cmd!(
            sh,
            "cargo test --package readywire --test it {use_libc} preload"
        ))?;
        tally.finish(&[])
    }
}

/// Whether this machine has a loopback interface that is up. Any other error is for the tests to report.
fn has_loopback() -> bool {
    let connect = || TcpStream::connect(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?);
    !connect().is_err_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::AddrNotAvailable | ErrorKind::NetworkUnreachable
        )
    })
}

/// Nearly every test of the other packages connects over loopback, so that all of them are skipped.
fn run_without_loopback(sh: &Shell) -> Result<()> {
    let mut tally = Tally::default();
    tally.run(cmd!(sh, "cargo test --no-fail-fast").args(cross::select(UNCONNECTED)))?;
    for package in workspace::packages(sh)? {
        if !UNCONNECTED.contains(&&*package.name) {
            tally.skip("no loopback", &format!("all of {}", package.name));
        }
    }
    tally.finish(&[])
}

fn run_with_rps(sh: &Shell) -> Result<()> {
    // No registry can be reached from inside.
    cmd!(sh, "cargo test --tests --no-run")
        .args(cross::select(RPS_PACKAGES))
        .run()?;
    let namespace = Namespace::add(sh)?;
    namespace.spread_packets("lo")?;
    let cargo = namespace.exec("cargo");
    let cargo = cargo.args(["test", "--offline", "--tests", "--no-fail-fast"]);
    suite::run(cargo.args(cross::select(RPS_PACKAGES)))
}
