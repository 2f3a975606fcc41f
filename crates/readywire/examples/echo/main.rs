//! An echo server and its clients in one program; every byte that comes back is checked.
//!
//! How a program on readiness is put together:
//!
//! * `server.rs`: one small state machine a connection, back-pressure, fairness;
//! * `client.rs`: connecting many at a time, `finish_connect`, writing and reading at once, the end of a
//!   stream in order;
//! * `../support`, which the examples share: accepting, and what can go wrong with it; the addresses to
//!   connect to; ending a loop from another thread with a `Waker`; and what is peculiar to operating
//!   systems.
//!
//! All of it is edge-triggered: a socket is registered once, for both directions, and each event is a
//! reason to try whatever the connection has to do next, until that would block.

#[path = "../support/acceptor.rs"]
mod acceptor;
mod client;
mod pattern;
mod report;
mod server;
#[path = "../support/stop.rs"]
mod stop;
#[path = "../support/system.rs"]
mod system;
#[path = "../support/targets.rs"]
mod targets;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use readywire::{Backend, Poll};

use crate::client::{Outcome, Plan};
use crate::report::Progress;
use crate::server::Server;
use crate::stop::Stop;
use crate::targets::Targets;

/// An echo server and its clients on readywire; every byte that comes back is checked.
///
/// Without --listen or --connect both sides run in this process, over the loopback interface. The
/// exit code is 0 if every byte came back right and every connection was closed in order, else 1.
#[derive(Parser)]
#[command(name = "echo")]
struct Args {
    /// Serve only, at this address, until Ctrl-C; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "connect")]
    listen: Option<SocketAddr>,

    /// Run the clients only, against the echo server at HOST:PORT; may be given several times. All
    /// addresses of all hosts are tried in turn
    #[arg(long, value_name = "HOST:PORT")]
    connect: Vec<String>,

    /// The system's interface to poll with: epoll, kqueue, poll or afd [default: the best there is]
    #[arg(long)]
    backend: Option<Backend>,

    /// Wait in whole milliseconds, for sandboxes that kill a process that wants more
    #[arg(long)]
    millisecond_timeouts: bool,

    /// How many clients there are
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,

    /// How many bytes they send in all, such as 500, 64KiB, 64MiB or 2GiB
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    bytes: u64,

    /// How many bytes a client sends before it waits for their echo
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = message_size)]
    message: u64,

    /// Give up after so many seconds in which nothing happened
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    if args.millisecond_timeouts {
        Poll::use_millisecond_timeouts();
    }
    let stop = Arc::new(Stop::default());
    let at_interrupt = Arc::clone(&stop);
    ctrlc::set_handler(move || at_interrupt.ask()).context("cannot listen for Ctrl-C")?;

    match args.listen {
        Some(address) => serve(args, address, &stop),
        None if args.connect.is_empty() => both(args, &stop),
        None => {
            let targets = Targets::find(&args.connect)?;
            println!("{}", exchange(args, targets, &stop)?);
            Ok(())
        }
    }
}

fn serve(args: &Args, address: SocketAddr, stop: &Stop) -> Result<()> {
    let server = Server::new(new_poll(args)?, address)?;
    println!("listening on {}", server.local_addr()?);
    let served = server.run(stop, &Progress::serving())?;
    println!("{served}");
    Ok(())
}

fn exchange(args: &Args, targets: Targets, stop: &Stop) -> Result<Outcome> {
    let plan = Plan {
        targets,
        connections: args.connections as usize,
        bytes: args.bytes,
        message: args.message,
        patience: Duration::from_secs(args.patience),
    };
    client::run(new_poll(args)?, &plan, stop, &Progress::of(args.bytes))
}

fn both(args: &Args, stop: &Stop) -> Result<()> {
    let server = Server::new(new_poll(args)?, SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = server.local_addr()?;
    // After Ctrl-C the server goes on until the clients have stopped: none of them is cut off.
    let server_stop = Arc::new(Stop::default());
    let until = Arc::clone(&server_stop);
    let serving = thread::spawn(move || server.run(&until, &Progress::none()));

    let exchanged = exchange(args, Targets(vec![address]), stop);
    server_stop.ask();
    let served = serving
        .join()
        .map_err(|_| anyhow!("the server's thread panicked"))?;
    // If the server broke down, that is why the clients failed.
    let served = served.context("the server")?;
    println!("{}\n{served}", exchanged?);
    Ok(())
}

fn new_poll(args: &Args) -> Result<Poll> {
    match args.backend {
        Some(backend) => Poll::with_backend(backend),
        None => Poll::new(),
    }
    .map_err(system::explain)
}

/// Reads a size with or without a unit.
fn size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match &text[digits.len()..].to_ascii_lowercase()[..] {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        unit => return Err(anyhow!("{unit:?} is not one of B, KiB, MiB, GiB")),
    };
    let count: u64 = digits.parse().context("a number comes first")?;
    count
        .checked_mul(1 << shift)
        .ok_or_else(|| anyhow!("that is too much"))
}

fn message_size(text: &str) -> Result<u64> {
    match size(text)? {
        0 => Err(anyhow!("a message has at least one byte")),
        size => Ok(size),
    }
}
