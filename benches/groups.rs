//! Every group by criterion, one contestant after the other: absolute times, and how they change from run
//! to run. For ratios between contestants see `measure/`.

mod contestants;
mod suite;

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use suite::{Case, Visitor, Work};

struct ByCriterion<'a> {
    criterion: &'a mut Criterion,
    filter: Option<String>,
}

impl Visitor for ByCriterion<'_> {
    /// Criterion itself knows what its arguments leave out, but tells nobody: a filter is looked for here,
    /// so that nothing is built in vain.
    fn wants(&self, name: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| name.contains(filter) || filter.starts_with(name))
    }

    fn visit(&mut self, mut case: Case) {
        let mut group = self.criterion.benchmark_group(case.group);
        group
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2))
            .sample_size(30);
        group.throughput(match case.unit {
            "byte" => Throughput::Bytes(case.elements),
            _ => Throughput::Elements(case.elements),
        });
        for contestant in &mut case.contestants {
            // Named by the case first, so that a filter by it finds all contestants.
            let id = BenchmarkId::new(&case.name, contestant.name);
            match &mut contestant.work {
                Work::Time(work) => {
                    group.bench_function(id, |bencher| {
                        bencher.iter_custom(|times| {
                            let start = Instant::now();
                            work(times);
                            start.elapsed()
                        });
                    });
                }
                Work::Sample(work) => {
                    group.bench_function(id, |bencher| {
                        bencher.iter_custom(|times| {
                            // What came early, below zero, is no time.
                            let sum: f64 = (0..times).map(|_| work().max(0.0)).sum();
                            Duration::from_secs_f64(sum)
                        });
                    });
                }
                Work::Figure(figure) => {
                    let (group, name, who) = (case.group, &case.name, contestant.name);
                    println!("{group}/{name}/{who}: {figure:.1} {}", case.unit);
                }
            }
        }
        group.finish();
    }
}

fn groups(criterion: &mut Criterion) {
    contestants::raise_descriptor_limit();
    suite::run(&mut ByCriterion {
        criterion,
        filter: filter(std::env::args().skip(1)),
    });
}

/// The filter among criterion's arguments: the one that is neither an option nor an option's value.
fn filter(arguments: impl Iterator<Item = String>) -> Option<String> {
    const WITHOUT_VALUE: [&str; 9] = [
        "--bench",
        "--discard-baseline",
        "--exact",
        "--list",
        "--noplot",
        "--quick",
        "--quiet",
        "--test",
        "--verbose",
    ];
    let mut is_value = false;
    for argument in arguments {
        let is_option = argument.starts_with('-');
        if !is_option && !is_value {
            return Some(argument);
        }
        is_value =
            is_option && !argument.contains('=') && !WITHOUT_VALUE.contains(&argument.as_str());
    }
    None
}

criterion_group!(benches, groups);
criterion_main!(benches);
