//! The charts, as SVG. Each is white behind, so that it can be read on a dark page, too.

mod bars;
mod canvas;
mod curves;
mod overview;
mod spans;

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::results::{Case, Kind, Run};

/// A chart before it is written.
struct Chart {
    /// Its file, without the extension.
    name: String,
    title: String,
    svg: String,
}

/// Draws all charts into a folder; returns their file names and titles.
pub(super) fn draw(run: &Run, dir: &Path) -> Result<Vec<(String, String)>> {
    let mut drawn = Vec::new();
    for chart in charts(run)? {
        let file = format!("{}.svg", chart.name);
        fs::write(dir.join(&file), chart.svg)?;
        drawn.push((file, chart.title));
    }
    Ok(drawn)
}

fn charts(run: &Run) -> Result<Vec<Chart>> {
    let mut charts = Vec::new();
    charts.extend(overview::draw(&run.cases.iter().collect::<Vec<_>>())?);
    for group in run.groups() {
        let of = |kind: Kind| -> Vec<&Case> {
            run.group(group).filter(|case| case.kind == kind).collect()
        };
        charts.extend(match group {
            // What changes with a size is a curve over it.
            "scale" => curves::draw(
                "scale",
                "time of a poll among idle connections",
                &of(Kind::Time),
            )?,
            _ => bars::draw(group, &of(Kind::Time))?,
        });
        charts.extend(spans::draw(group, &of(Kind::Sample))?);
        charts.extend(curves::draw(
            &format!("{group}-memory"),
            "bytes of a registration",
            &of(Kind::Figure),
        )?);
    }
    Ok(charts)
}

#[cfg(test)]
mod tests {
    use super::super::results::{Spread, fixture};
    use super::*;

    #[test]
    fn every_group_that_was_measured_has_its_chart() {
        let values = [("raw", 100.0), ("readywire", 102.0), ("mio 1", 11_000.0)];
        let mut late = fixture::case("timeouts", "1 ms", 0.1, &values);
        late.kind = Kind::Sample;
        for contestant in &mut late.contestants {
            contestant.percentiles = vec![(0.0, -1e-6), (0.5, 5e-6), (1.0, 1e-3)];
        }
        let scale = |name: &str| fixture::case("scale", name, 0.1, &values);
        let mut none = fixture::case("wake", "a poll", 0.1, &values);
        // As of something that is compared with nothing.
        none.contestants[1].to_first = Some(Spread {
            median: f64::NAN,
            low: f64::NAN,
            high: f64::NAN,
        });
        let run = fixture::run(vec![
            fixture::case("dispatch", "1 of 64", 0.01, &values),
            none,
            late,
            scale("poll among 10"),
            scale("poll among 1,000"),
        ]);
        let charts = charts(&run).expect("draw");
        let names: Vec<&str> = charts.iter().map(|chart| &*chart.name).collect();
        assert_eq!(names, ["overview", "dispatch", "wake", "timeouts", "scale"]);
        for chart in &charts {
            assert!(chart.svg.contains("readywire"), "{}", chart.name);
            assert!(!chart.svg.contains("NaN"), "{}", chart.name);
        }
    }

    #[test]
    fn nothing_measured_is_nothing_drawn() {
        assert!(charts(&fixture::run(Vec::new())).expect("draw").is_empty());
    }
}
