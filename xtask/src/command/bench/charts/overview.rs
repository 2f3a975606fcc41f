//! All cases in one picture: a dot for each contestant where its ratio to the first one lies.

use anyhow::Result;
use plotters::style::Color;

use super::super::results::{Case, Kind, READYWIRE};
use super::Chart;
use super::canvas::{Align, Axis, Canvas, FAINT, GRID, INK, TOP, WIDTH, colour, names};

const LEFT: i32 = 300;
const RIGHT: i32 = WIDTH as i32 - 30;
const ROW: i32 = 20;
const FOOT: i32 = 40;

pub(super) fn draw(cases: &[&Case]) -> Result<Option<Chart>> {
    let cases: Vec<&Case> = cases
        .iter()
        .copied()
        .filter(|case| case.kind != Kind::Figure)
        .collect();
    if cases.is_empty() {
        return Ok(None);
    }
    let ratios = |case: &'_ Case| -> Vec<(String, f64)> {
        case.contestants
            .iter()
            .filter_map(|one| Some((one.name.clone(), one.to_first?.median)))
            .filter(|(_, ratio)| ratio.is_finite() && *ratio > 0.0)
            .collect()
    };
    let all = cases.iter().flat_map(|case| ratios(case));
    let axis = Axis::logarithmic(all.map(|(_, ratio)| ratio).chain([1.0]), (LEFT, RIGHT));

    let top = TOP + 24;
    let bottom = top + ROW * i32::try_from(cases.len())?;
    let title = "All cases: time as a ratio to the first contestant, mostly raw system calls";
    let subtitle = "less is better: left of the line at 1 is faster than raw; logarithmic";
    let svg = Canvas::draw(bottom + FOOT, title, subtitle, |canvas| {
        canvas.legend(TOP + 8, &names(&cases))?;
        for tick in axis.ticks() {
            let x = axis.at(tick);
            canvas.line((x, top), (x, bottom), GRID.stroke_width(1))?;
            canvas.text((x, bottom + 14), &format!("{tick}"), FAINT, Align::Centre)?;
        }
        let one = axis.at(1.0);
        canvas.line((one, top), (one, bottom), INK.stroke_width(1))?;
        for (at, case) in cases.iter().enumerate() {
            let y = top + ROW * i32::try_from(at)? + ROW / 2;
            canvas.text((LEFT - 12, y), &case.title(), INK, Align::Right)?;
            canvas.line((LEFT, y), (RIGHT, y), GRID.stroke_width(1))?;
            let ratios = ratios(case);
            // readywire last, so that no other dot hides it.
            let (readywire, others): (Vec<_>, Vec<_>) =
                ratios.iter().partition(|(name, _)| name == READYWIRE);
            for (name, ratio) in others {
                canvas.dot((axis.at(*ratio), y), 4, colour(name))?;
            }
            for (name, ratio) in readywire {
                canvas.dot((axis.at(*ratio), y), 6, colour(name))?;
            }
        }
        Ok(())
    })?;
    Ok(Some(Chart {
        name: "overview".to_owned(),
        title: title.to_owned(),
        svg,
    }))
}
