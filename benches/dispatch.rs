//! One poll that hands out the events of some ready sources among many, on level: the time an event.

mod contestants;

use std::hint::black_box;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use benches::{CROWDS, Crowd, EventLoop};
use contestants::each;
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};

fn poll<L: EventLoop>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    sockets: &[Arc<UdpSocket>],
    ready: usize,
) {
    let Some(mut crowd) = Crowd::<L>::new(sockets, ready).expect("make the sources") else {
        return;
    };
    let all = sockets.len();
    let name = format!("{ready} of {all}");
    group.bench_function(BenchmarkId::new(L::NAME, name), |bencher| {
        bencher.iter(|| black_box(crowd.poll().expect("poll")));
    });
}

fn dispatch(criterion: &mut Criterion) {
    #[cfg(target_os = "linux")]
    contestants::raw::raise_descriptor_limit().expect("raise the limit of descriptors");
    let mut group = criterion.benchmark_group("dispatch");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30);
    for (ready, all) in CROWDS {
        group.throughput(Throughput::Elements(ready as u64));
        let sockets = benches::sockets(all, ready).expect("make the sockets");
        each!(poll(&mut group, &sockets, ready));
    }
    group.finish();
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
