//! How samples are spread: from the least to the most, with the median and the 99th of a hundred.

use anyhow::Result;
use plotters::style::Color;

use super::super::format;
use super::super::results::{Case, Contestant, READYWIRE};
use super::Chart;
use super::canvas::{Align, Axis, Canvas, FAINT, GRID, INK, TOP, WIDTH, colour};

const LEFT: i32 = 150;
const RIGHT: i32 = WIDTH as i32 - 220;
const ROW: i32 = 20;
const HEAD: i32 = 34;
const FOOT: i32 = 36;

/// What is nearer to zero than this, or below it, is told as this.
const LEAST: f64 = 100e-9;

pub(super) fn draw(group: &str, cases: &[&Case]) -> Result<Option<Chart>> {
    let contestants = || cases.iter().flat_map(|case| &case.contestants);
    let values: Vec<f64> = contestants()
        .flat_map(|contestant| &contestant.percentiles)
        .map(|(_, value)| value.max(LEAST))
        .collect();
    if values.is_empty() {
        return Ok(None);
    }
    let axis = Axis::logarithmic(values, (LEFT, RIGHT));

    let rows = contestants().count();
    let bottom = TOP + ROW * i32::try_from(rows)? + HEAD * i32::try_from(cases.len())?;
    let title = format!("{group}: how late a poll returns");
    let subtitle =
        "less is better; logarithmic; thin: all, thick: to the 99th of a hundred, dot: the median";
    let svg = Canvas::draw(bottom + FOOT, &title, subtitle, |canvas| {
        for tick in axis.ticks() {
            let x = axis.at(tick);
            canvas.line((x, TOP), (x, bottom), GRID.stroke_width(1))?;
            canvas.text(
                (x, bottom + 14),
                &format::round_seconds(tick),
                FAINT,
                Align::Centre,
            )?;
        }
        let mut y = TOP;
        for case in cases {
            canvas.bold((16, y + HEAD - 12), &case.name, INK, Align::Left)?;
            y += HEAD;
            for contestant in &case.contestants {
                row(canvas, &axis, y + ROW / 2, contestant)?;
                y += ROW;
            }
        }
        Ok(())
    })?;
    Ok(Some(Chart {
        name: group.to_owned(),
        title,
        svg,
    }))
}

fn row(canvas: &Canvas<'_>, axis: &Axis, y: i32, contestant: &Contestant) -> Result<()> {
    let name = &*contestant.name;
    match name {
        READYWIRE => canvas.bold((LEFT - 8, y), name, INK, Align::Right)?,
        _ => canvas.text((LEFT - 8, y), name, INK, Align::Right)?,
    }
    let at = |share: f64| {
        let mut values = contestant.percentiles.iter();
        values
            .find(|(known, _)| *known >= share)
            .map(|(_, value)| *value)
    };
    let (Some(least), Some(median), Some(late), Some(most)) = (at(0.0), at(0.5), at(0.99), at(1.0))
    else {
        return Ok(());
    };
    let [from, middle, to, end] = [least, median, late, most].map(|value| axis.at(value));
    canvas.line((from, y), (end, y), colour(name).stroke_width(1))?;
    canvas.bar(from..to, y - 4..y + 4, colour(name))?;
    canvas.dot((middle, y), 5, INK)?;
    let text = format!(
        "{}, 99 %: {}",
        format::seconds(median),
        format::seconds(late)
    );
    match name {
        READYWIRE => canvas.bold((end + 10, y), &text, INK, Align::Left),
        _ => canvas.text((end + 10, y), &text, INK, Align::Left),
    }
}
