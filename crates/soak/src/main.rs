//! Hammers every backend of this machine from several threads, and detects lost events.
//!
//! Each backend has several [arenas](arena). An arena is a `Poll` with one or two threads that poll it, or that
//! sleep in an outer `Poll`. Drivers work on an arena in rounds. In a round each driver does random things to
//! its connections, wakers and registrations, and then waits until everything that it caused has been
//! reported. The threads that poll read and write only what an event allows them to, and mostly wait without
//! a timeout: an event that is lost stays lost, because nothing else happens until the round is over. After
//! [`LOST_AFTER`](arena::LOST_AFTER) the driver reports what is missing and the state of the `Poll`.
//!
//! Events that are handed out after their registration has ended are detected too, and at the end
//! descriptors, registrations and memory must be as at the start.

mod acceptor;
mod arena;
mod channel;
mod driver;
mod footprint;
mod pattern;
mod round;
mod signals;
mod source;
mod starvation;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use std::{panic, process, thread};

use anyhow::{Result, ensure};
use clap::Parser;
use readywire::Backend;
use testkit::Random;

use crate::acceptor::Acceptor;
use crate::arena::{Arena, Kind};
use crate::driver::Driver;
use crate::footprint::Footprint;
use crate::round::Rounds;
use crate::signals::Signals;
use crate::tally::{Board, Tally};

/// How many threads of each arena work on connections; one more works on wakers and registrations.
const DRIVERS: usize = 2;

/// Hammer readywire on every backend of this machine, and detect lost and stale events
#[derive(Parser)]
#[command(name = "soak")]
struct Args {
    /// How long
    #[arg(long, default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,

    /// Use this backend alone: epoll, kqueue, poll or afd
    #[arg(long)]
    backend: Option<Backend>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match minutes > 0.0 && minutes.is_finite() {
        true => Ok(minutes),
        false => Err("must be above zero".to_owned()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let print_panic = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print_panic(info);
        // The other threads would wait for the one that has panicked.
        process::exit(1);
    }));
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let backends: Vec<Backend> = match args.backend {
        Some(backend) => vec![backend],
        None => Backend::available().to_vec(),
    };
    let seed = Random::seed();
    let until = Instant::now() + Duration::from_secs_f64(args.minutes * 60.0);
    starvation::limit_descriptors();
    // What the process keeps for good is opened before the start is recorded.
    testkit::refused_address();
    let start = Footprint::take();
    let board = Board::new();

    let (done, is_done) = channel::<()>();
    let kinds = backends.into_iter().flat_map(kinds);
    let runs: Vec<_> = kinds
        .map(|kind| {
            let tally = board.add(kind);
            let done = done.clone();
            thread::spawn(move || {
                let summary = hammer(kind, seed, until, &tally).unwrap_or_else(|error| {
                    eprintln!("FAILED on {kind}: {error:#}");
                    process::exit(1)
                });
                drop(done);
                summary
            })
        })
        .collect();
    drop(done);
    let mut memory = footprint::Memory::default();
    while is_done.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        board.show();
        memory.sample();
    }
    let mut ends = Vec::new();
    for run in runs {
        ends.push(run.join().expect("a panic ends the process"));
    }
    board.finish();
    for end in ends {
        println!("{end}");
    }
    ensure!(!memory.has_grown(), "memory has grown: {memory}");
    start.compare(&Footprint::take())?;
    println!(
        "no event was lost; descriptors and registrations are as at the start; memory: {memory}"
    );
    Ok(())
}

/// The arenas of a backend.
fn kinds(backend: Backend) -> impl Iterator<Item = Kind> {
    // On the others a `Poll` is no source.
    let can_nest = cfg!(unix) && backend != Backend::Poll;
    // The wakes for one thread have no other thread that could see them.
    let sorts = [(1, false), (2, false), (2, true)];
    let chosen = sorts
        .into_iter()
        .filter(move |(_, nested)| can_nest || !nested);
    chosen.map(move |(threads, nested)| Kind {
        backend,
        threads,
        nested,
    })
}

/// Works in one arena until the time is up. Returns a line that sums it up.
fn hammer(kind: Kind, seed: u64, until: Instant, tally: &Arc<Tally>) -> Result<String> {
    let arena = Arena::new(kind, Arc::clone(tally))?;
    let acceptor = Acceptor::register(&arena)?;
    let rounds = Rounds::new(&acceptor, DRIVERS + 1, until);
    let arena_seed = [kind.backend as u64, kind.threads, u64::from(kind.nested)];
    let arena_seed = arena_seed
        .iter()
        .fold(seed, |seed, part| seed.rotate_left(8) ^ part);
    let numbers = |thread: u64| Random::new(arena_seed ^ (thread << 56));
    let outer = kind.nested.then(|| arena.nest()).transpose()?;

    thread::scope(|scope| {
        let pollers: Vec<_> = (0..kind.threads)
            .map(|at| {
                let (arena, outer, mut random) = (&arena, outer.as_ref(), numbers(1 + at));
                scope.spawn(move || arena.serve(outer, &mut random))
            })
            .collect();
        let mut workers: Vec<_> = (0..DRIVERS as u64)
            .map(|at| {
                let mut driver = Driver::new(&arena, &acceptor, numbers(32 + at));
                let rounds = &rounds;
                scope.spawn(move || driver.run(rounds))
            })
            .collect();
        let (mut signals, rounds) = (Signals::new(&arena, numbers(64)), &rounds);
        workers.push(scope.spawn(move || signals.run(rounds)));
        for worker in workers {
            worker.join().expect("a panic ends the process");
        }
        arena.stop();
        for poller in pollers {
            poller.join().expect("a panic ends the process");
        }
    });
    drop(outer);
    acceptor.deregister(&arena);
    drop(acceptor);
    arena.finish()
}
