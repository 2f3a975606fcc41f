//! Waking: many wakes a poll, and the way from one thread to another and back.

mod contestants;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use benches::EventLoop;
use contestants::each;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

const WAKES: u64 = 1000;

/// One thread wakes its own loop a thousand times, then polls once.
fn coalesced<L: EventLoop>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let mut events = L::new(64).expect("make a loop");
    let waker = events.waker(1).expect("make a waker");
    group.throughput(Throughput::Elements(WAKES));
    group.bench_function(BenchmarkId::new(L::NAME, "1,000 a poll"), |bencher| {
        bencher.iter(|| {
            for _ in 0..WAKES {
                L::wake(&waker).expect("wake");
            }
            events.poll(drop).expect("poll");
        });
    });
}

/// Two loops on two threads wake each other in turn, each asleep in between.
fn round_trip<L: EventLoop>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let mut near = L::new(64).expect("make a loop");
    let back = near.waker(1).expect("make a waker");
    let (sender, receiver) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let far = thread::spawn(move || {
        let mut far = L::new(64).expect("make a loop");
        let there = far.waker(1).expect("make a waker");
        sender.send(there).expect("the other thread waits for it");
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            far.poll(drop).expect("poll");
            L::wake(&back).expect("wake");
        }
    });
    let there = receiver.recv().expect("the other loop's waker");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(L::NAME, "round trip"), |bencher| {
        bencher.iter(|| {
            L::wake(&there).expect("wake");
            near.poll(drop).expect("poll");
        });
    });
    drop(stop);
    L::wake(&there).expect("wake");
    far.join().expect("the other thread");
}

fn wake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wake");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30);
    each!(coalesced(&mut group));
    each!(round_trip(&mut group));
    group.finish();
}

criterion_group!(benches, wake);
criterion_main!(benches);
