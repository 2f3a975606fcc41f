//! A chat room on one thread, for `nc` and `telnet`: what one says is heard by all others.
//!
//! It shows the triggers that the other examples do not need, and another thread:
//!
//! * the listener is a **level**: one client is accepted at a time, who is left is reported again;
//! * members are **oneshot** levels: an event gives a member the word, and no other comes until the
//!   room has dealt with it and listens again, at once or after `--pause`;
//! * what the operator types is read by a thread of its own, which wakes the room with a
//!   [`Waker`](readywire::Waker);
//! * a member that does not read is put out of the room when more than `--queue` waits for it.
//!
//! The room is in `room.rs`, a member of it in `member.rs`.

#[path = "../support/acceptor.rs"]
mod acceptor;
#[path = "../support/deadlines.rs"]
mod deadlines;
mod member;
mod room;
#[path = "../support/stop.rs"]
mod stop;
#[path = "../support/system.rs"]
mod system;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use readywire::{Backend, Poll};

use crate::room::{Operator, Room};
use crate::stop::Stop;

/// A chat room for nc and telnet, until Ctrl-C. Lines of the standard input are announced to all.
#[derive(Parser)]
#[command(name = "chat")]
struct Args {
    /// Where to listen, as ADDRESS:PORT; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// The system's interface to poll with: epoll, kqueue, poll or afd [default: the best there is]
    #[arg(long)]
    backend: Option<Backend>,

    /// How many bytes may wait for a member that does not read
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024)]
    queue: usize,

    /// How long a member has to wait after a line until it is heard again
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pause: Duration,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let poll = match args.backend {
        Some(backend) => Poll::with_backend(backend),
        None => Poll::new(),
    }
    .map_err(system::explain)?;
    let stop = Arc::new(Stop::default());
    let at_interrupt = Arc::clone(&stop);
    ctrlc::set_handler(move || at_interrupt.ask()).context("cannot listen for Ctrl-C")?;

    let (room, operator) = Room::new(poll, args.listen, args.queue, args.pause)?;
    // It ends with the program: nothing ends a read of the standard input.
    thread::spawn(move || read_aloud(&operator));
    println!("listening on {}", room.local_addr()?);
    io::stdout().flush()?;
    println!("{}", room.run(&stop)?);
    Ok(())
}

/// Announces what the operator types, until the end of the input. Lines are read as bytes, because
/// input that is not UTF-8 is no reason to stop.
fn read_aloud(operator: &Operator) {
    let read = io::stdin()
        .lock()
        .split(b'\n')
        .try_for_each(|line| operator.announce(member::printable(&line?)));
    if let Err(error) = read {
        eprintln!("nothing more is announced: {error}");
    }
}

fn seconds(text: &str) -> Result<Duration> {
    let pause = Duration::try_from_secs_f64(text.parse()?)?;
    anyhow::ensure!(pause.as_secs() <= 3600, "more than an hour");
    Ok(pause)
}
