//! A TCP proxy on one thread: every connection to `--listen` is joined with one of its own to
//! `--connect`.
//!
//! It shows edge-triggered events with back-pressure both ways, half-closes passed on, connection
//! attempts that fail, resets, and running out of descriptors:
//!
//! * `proxy.rs`: the loop, and who gets a turn;
//! * `pair.rs`: two streams, what they are ready for, and how they end;
//! * `flow.rs`: one direction, with its one buffer.

#[path = "../support/acceptor.rs"]
mod acceptor;
#[path = "../support/deadlines.rs"]
mod deadlines;
mod flow;
mod pair;
mod proxy;
#[path = "../support/stop.rs"]
mod stop;
#[path = "../support/system.rs"]
mod system;
#[path = "../support/targets.rs"]
mod targets;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use readywire::{Backend, Poll};

use crate::proxy::Proxy;
use crate::stop::Stop;
use crate::targets::Targets;

/// Passes every TCP connection on to another address, until Ctrl-C.
#[derive(Parser)]
struct Arguments {
    /// Where to listen, as ADDRESS:PORT; port 0 takes a free one and prints it
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to connect to, as HOST:PORT; may be given several times. All addresses of all hosts are
    /// tried in turn
    #[arg(long, required = true)]
    connect: Vec<String>,
    /// How many seconds each address has to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    connect_timeout: u32,
    /// The system's interface to poll by: epoll, kqueue, poll or afd [default: the best there is]
    #[arg(long)]
    backend: Option<Backend>,
    /// Bytes that are held for each direction of a connection at most
    #[arg(long, default_value_t = 64 * 1024, value_parser = clap::value_parser!(u32).range(1..))]
    buffer: u32,
    /// Say why connections failed, a line each
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let targets = Targets::find(&arguments.connect)?;
    let timeout = Duration::from_secs(arguments.connect_timeout.into());
    let poll = match arguments.backend {
        Some(backend) => Poll::with_backend(backend)?,
        None => Poll::new()?,
    };
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || asked.ask())?;

    let buffer = usize::try_from(arguments.buffer)?;
    let passing = format!("passing on to {}", arguments.connect.join(", "));
    let proxy = Proxy::new(
        poll,
        arguments.listen,
        (targets, timeout),
        buffer,
        arguments.verbose,
    )?;
    println!("listening on {}, {passing}", proxy.local_addr()?);
    io::stdout().flush()?;
    let totals = proxy.run(&stop)?;
    println!("{totals}");
    Ok(())
}
