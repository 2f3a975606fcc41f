//! A small HTTP/1.1 server for the files of one directory, on one thread.
//!
//! It shows keep-alive and pipelining on edge-triggered events, deadlines that drive the timeout of
//! [`Poll::poll`], files sent in chunks as fast as the client takes them, and an end in order:
//!
//! * `server.rs`: the loop, its deadlines, and ending;
//! * `connection.rs`: one client, from request to response to request;
//! * `request.rs`: what is accepted as a request, and what answers anything else;
//! * `target.rs`: the grammar of request targets and of `Host`;
//! * `files.rs`: from a request's path to a file of the directory, and never out of it.
//!
//! Files are read on the thread of the loop. That is right for files in the system's cache; a server
//! of a slow disk would read on other threads and wake the loop with a [`Waker`](readywire::Waker).

#[path = "../support/acceptor.rs"]
mod acceptor;
mod connection;
#[path = "../support/deadlines.rs"]
mod deadlines;
mod files;
mod request;
mod response;
mod server;
#[path = "../support/stop.rs"]
mod stop;
#[path = "../support/system.rs"]
mod system;
mod target;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use readywire::{Backend, Poll};

use crate::files::Files;
use crate::server::Server;
use crate::stop::Stop;

/// Serves the files of a directory over HTTP/1.1, until Ctrl-C.
///
/// GET and HEAD only. A directory is served by its index.html and never listed. Paths with a `..`
/// and symbolic links that lead out of the directory are forbidden.
#[derive(Parser)]
#[command(name = "httpd")]
struct Args {
    /// The directory whose files are served
    #[arg(default_value = ".")]
    directory: PathBuf,

    /// Where to listen, as ADDRESS:PORT; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// The system's interface to poll with: epoll, kqueue, poll or afd [default: the best there is]
    #[arg(long)]
    backend: Option<Backend>,

    /// How long a client may take for a request, for the next one to begin, or to take a part of a
    /// response
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,
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
    let files = Files::new(&args.directory)
        .with_context(|| format!("cannot serve {}", args.directory.display()))?;
    let poll = match args.backend {
        Some(backend) => Poll::with_backend(backend),
        None => Poll::new(),
    }
    .map_err(system::explain)?;
    let stop = Arc::new(Stop::default());
    let at_interrupt = Arc::clone(&stop);
    ctrlc::set_handler(move || at_interrupt.ask()).context("cannot listen for Ctrl-C")?;

    let server = Server::new(poll, args.listen, files, args.timeout)?;
    println!("listening on {}", server.local_addr());
    io::stdout().flush()?;
    println!("{}", server.run(&stop)?);
    Ok(())
}

fn seconds(text: &str) -> Result<Duration> {
    let timeout = Duration::try_from_secs_f64(text.parse()?)?;
    anyhow::ensure!(!timeout.is_zero(), "no time at all");
    anyhow::ensure!(timeout.as_secs() <= 86_400, "more than a day");
    Ok(timeout)
}
