//! Echo throughput over loopback: a message goes out, and comes back from the other end.

mod contestants;

use std::time::Duration;

use benches::{Echo, EventLoop, SIZES};
use contestants::each;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

fn echo<L: EventLoop>(group: &mut BenchmarkGroup<'_, WallTime>, size: usize, name: &str) {
    let mut echo = Echo::<L>::new().expect("make a connection");
    let message = vec![7; size];
    group.bench_function(BenchmarkId::new(L::NAME, name), |bencher| {
        bencher.iter(|| echo.exchange(&message).expect("exchange a message"));
    });
}

fn throughput(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("throughput");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30);
    for (size, name) in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        each!(echo(&mut group, size, name));
    }
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
