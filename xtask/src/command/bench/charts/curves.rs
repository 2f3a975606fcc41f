//! A value over the number that is in the cases' names.

use anyhow::Result;
use plotters::style::Color;

use super::super::format;
use super::super::results::{Case, Kind, READYWIRE};
use super::Chart;
use super::canvas::{Align, Axis, Canvas, FAINT, GRID, TOP, WIDTH, colour, names};

const LEFT: i32 = 90;
const RIGHT: i32 = WIDTH as i32 - 40;
const HEIGHT: i32 = 300;
const FOOT: i32 = 36;

pub(super) fn draw(name: &str, what: &str, cases: &[&Case]) -> Result<Option<Chart>> {
    let mut sized: Vec<(f64, &Case)> = cases
        .iter()
        .filter_map(|case| Some((case.size()?, *case)))
        .collect();
    sized.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    if sized.len() < 2 {
        return Ok(None);
    }
    let cases: Vec<&Case> = sized.iter().map(|(_, case)| *case).collect();
    let top = TOP + 28;
    let bottom = top + HEIGHT;
    let values = cases
        .iter()
        .flat_map(|case| case.contestants.iter().map(|one| case.value(one)))
        .filter(|value| value.is_finite());
    let vertical = Axis::linear(values, (bottom, top));
    let horizontal = Axis::logarithmic(sized.iter().map(|(size, _)| *size), (LEFT, RIGHT));

    let title = format!("scale: {what}");
    let subtitle = "less is better; over how many are registered, logarithmic";
    let svg = Canvas::draw(bottom + FOOT, &title, subtitle, |canvas| {
        let names = names(&cases);
        canvas.legend(TOP + 8, &names)?;
        for tick in vertical.ticks() {
            let y = vertical.at(tick);
            canvas.line((LEFT, y), (RIGHT, y), GRID.stroke_width(1))?;
            let text = match cases[0].kind {
                Kind::Figure => format::count(tick),
                Kind::Time | Kind::Sample => format::round_seconds(tick),
            };
            canvas.text((LEFT - 8, y), &text, FAINT, Align::Right)?;
        }
        for (size, _) in &sized {
            let x = horizontal.at(*size);
            canvas.line((x, top), (x, bottom), GRID.stroke_width(1))?;
            canvas.text(
                (x, bottom + 14),
                &format::count(*size),
                FAINT,
                Align::Centre,
            )?;
        }
        // readywire last, so that no other line hides it.
        let others = names.iter().filter(|name| **name != READYWIRE);
        for name in others.chain(&[READYWIRE]) {
            let points: Vec<(i32, i32)> = sized
                .iter()
                .filter_map(|(size, case)| {
                    let value = case.value(case.contestant(name)?);
                    Some((horizontal.at(*size), vertical.at(value)))
                })
                .collect();
            for point in &points {
                canvas.dot(*point, 4, colour(name))?;
            }
            canvas.path(points, colour(name).stroke_width(2))?;
        }
        Ok(())
    })?;
    Ok(Some(Chart {
        name: name.to_owned(),
        title,
        svg,
    }))
}
