//! Connections that come and go: connect, register, accept, deregister, drop.

mod contestants;

use std::time::Duration;

use benches::{Churn, EventLoop};
use contestants::each;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

fn turn<L: EventLoop>(group: &mut BenchmarkGroup<'_, WallTime>) {
    let mut churn = Churn::<L>::new().expect("make a listener");
    group.bench_function(L::NAME, |bencher| {
        bencher.iter(|| churn.turn().expect("connect and drop"));
    });
}

fn churn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("churn");
    group
        .throughput(Throughput::Elements(1))
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30);
    each!(turn(&mut group));
    group.finish();
}

criterion_group!(benches, churn);
criterion_main!(benches);
