//! Every contestant's time as a ratio to the raw loop's, for machines that are busy with other things.
//!
//! Criterion measures one contestant after the other, so that a disturbance hits one of them alone. Here
//! they take turns in slices of a few milliseconds, in an order that changes from round to round; what
//! counts is the ratio within a round, and of those the median.

mod contestants;

use std::env;
use std::hint::black_box;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::{CROWDS, Churn, Crowd, Echo, EventLoop, SIZES};
use contestants::each;

/// How long a contestant's turn is.
const SLICE: Duration = Duration::from_millis(4);

/// Some work, and who does it.
struct Case {
    name: String,
    contestants: Vec<Contestant>,
}

struct Contestant {
    name: &'static str,
    /// Does the work once.
    work: Box<dyn FnMut()>,
    /// Seconds of one time, a round each.
    times: Vec<f64>,
}

impl Case {
    fn new(name: impl Into<String>) -> Case {
        Case {
            name: name.into(),
            contestants: Vec::new(),
        }
    }

    fn add<L: EventLoop>(&mut self, work: impl FnMut() + 'static) {
        self.contestants.push(Contestant {
            name: L::NAME,
            work: Box::new(work),
            times: Vec::new(),
        });
    }

    fn measure(&mut self, rounds: usize) {
        for round in 0..rounds {
            let count = self.contestants.len();
            for turn in 0..count {
                let at = (round + turn) % count;
                self.contestants[at].turn();
            }
        }
    }

    /// The line of a table: the first contestant's time, and the others' ratios to it.
    fn print(&self) {
        let [first, others @ ..] = &self.contestants[..] else {
            return;
        };
        let time = Duration::from_secs_f64(median(first.times.clone()));
        print!(
            "{:<28} {} {:>9}",
            self.name,
            first.name,
            format!("{time:.1?}")
        );
        for other in others {
            let ratios = other.times.iter().zip(&first.times).map(|(o, f)| o / f);
            print!("   {} {:.3}", other.name, median(ratios.collect()));
        }
        println!();
    }
}

impl Contestant {
    fn turn(&mut self) {
        let start = Instant::now();
        let mut count = 0_u32;
        while count == 0 || start.elapsed() < SLICE {
            // A look at the clock costs as much as a short poll: not after each time.
            for _ in 0..16 {
                (self.work)();
            }
            count += 16;
        }
        self.times
            .push(start.elapsed().as_secs_f64() / f64::from(count));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn throughput<L: EventLoop + 'static>(case: &mut Case, size: usize) {
    let mut echo = Echo::<L>::new().expect("make a connection");
    let message = vec![7; size];
    case.add::<L>(move || echo.exchange(&message).expect("exchange a message"));
}

fn dispatch<L: EventLoop + 'static>(case: &mut Case, sockets: &[Arc<UdpSocket>], ready: usize) {
    if let Some(mut crowd) = Crowd::<L>::new(sockets, ready).expect("make the sources") {
        case.add::<L>(move || {
            black_box(crowd.poll().expect("poll"));
        });
    }
}

fn wake<L: EventLoop + 'static>(case: &mut Case) {
    let mut events = L::new(64).expect("make a loop");
    let waker = events.waker(1).expect("make a waker");
    case.add::<L>(move || {
        for _ in 0..100 {
            L::wake(&waker).expect("wake");
        }
        events.poll(drop).expect("poll");
    });
}

fn churn<L: EventLoop + 'static>(case: &mut Case) {
    let mut churn = Churn::<L>::new().expect("make a listener");
    case.add::<L>(move || churn.turn().expect("connect and drop"));
}

/// Runs the cases one by one, so that only one has its descriptors open.
fn run(mut report: impl FnMut(Case)) {
    for (size, name) in SIZES {
        let mut case = Case::new(format!("throughput, {name}"));
        each!(throughput(&mut case, size));
        report(case);
    }
    for (ready, all) in CROWDS {
        let mut case = Case::new(format!("dispatch, {ready} of {all}"));
        let sockets = benches::sockets(all, ready).expect("make the sockets");
        each!(dispatch(&mut case, &sockets, ready));
        report(case);
    }
    let mut case = Case::new("wake, 100 a poll");
    each!(wake(&mut case));
    report(case);
    let mut case = Case::new("churn");
    each!(churn(&mut case));
    report(case);
}

/// Takes criterion's arguments as far as they make sense here: `--test`, `--quick` and a filter.
fn main() {
    #[cfg(target_os = "linux")]
    contestants::raw::raise_descriptor_limit().expect("raise the limit of descriptors");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let rounds = match () {
        () if has("--test") => 1,
        () if has("--quick") => 15,
        () => 101,
    };
    run(|mut case| {
        if filter.is_none_or(|filter| case.name.contains(filter.as_str())) {
            case.measure(rounds);
            case.print();
        }
    });
}
