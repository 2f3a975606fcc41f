//! A group's cases one below the other, a bar for each contestant: the ratio to the first one.

use anyhow::Result;
use plotters::style::Color;

use super::super::format;
use super::super::results::{Case, Contestant, READYWIRE, Spread};
use super::Chart;
use super::canvas::{Align, Axis, Canvas, FAINT, GRID, INK, TOP, WIDTH, colour};

const LEFT: i32 = 150;
/// What stands right of a bar has room there.
const RIGHT: i32 = WIDTH as i32 - 160;
const ROW: i32 = 20;
/// What a case takes beside its rows.
const HEAD: i32 = 34;
const FOOT: i32 = 36;

/// Ratios further apart than that are told on a logarithmic axis.
const WIDE: f64 = 4.0;

pub(super) fn draw(group: &str, cases: &[&Case]) -> Result<Option<Chart>> {
    let ratios = || {
        let contestants = cases.iter().flat_map(|case| &case.contestants);
        contestants
            .filter_map(ratio)
            .flat_map(|ratio| [ratio.low, ratio.high])
    };
    if ratios().next().is_none() {
        return Ok(None);
    }
    let least = ratios().fold(f64::INFINITY, f64::min);
    let largest = ratios().fold(0.0, f64::max);
    let axis = match largest > WIDE || least < 1.0 / WIDE {
        true => Axis::logarithmic(ratios().chain([1.0]), (LEFT, RIGHT)),
        false => Axis::linear(ratios(), (LEFT, RIGHT)),
    };

    let rows: usize = cases.iter().map(|case| case.contestants.len()).sum();
    let bottom = TOP + ROW * i32::try_from(rows)? + HEAD * i32::try_from(cases.len())?;
    let first = cases[0].contestants.first().map_or("", |first| &first.name);
    let title = format!("{group}: time as a ratio to {first}");
    let scale = match axis.is_logarithmic() {
        true => "logarithmic; ",
        false => "",
    };
    let subtitle = format!("less is better; {scale}a whisker is the interval of 95 % confidence");
    let svg = Canvas::draw(bottom + FOOT, &title, &subtitle, |canvas| {
        grid(canvas, &axis, bottom)?;
        let mut y = TOP;
        for case in cases {
            let (_, element) = case.element();
            let head = format!("{}, by the {element}", case.name);
            canvas.bold((16, y + HEAD - 12), &head, INK, Align::Left)?;
            y += HEAD;
            for contestant in &case.contestants {
                row(canvas, &axis, y, case, contestant)?;
                y += ROW;
            }
        }
        // Over the bars, so that it is seen which ones cross it.
        let x = axis.at(1.0);
        canvas.line((x, TOP), (x, bottom), INK.stroke_width(1))
    })?;
    Ok(Some(Chart {
        name: group.to_owned(),
        title,
        svg,
    }))
}

fn ratio(contestant: &Contestant) -> Option<Spread> {
    contestant.to_first.filter(|ratio| {
        [ratio.low, ratio.median, ratio.high]
            .iter()
            .all(|one| one.is_finite())
    })
}

fn grid(canvas: &Canvas<'_>, axis: &Axis, bottom: i32) -> Result<()> {
    for tick in axis.ticks() {
        let x = axis.at(tick);
        canvas.line((x, TOP), (x, bottom), GRID.stroke_width(1))?;
        canvas.text((x, bottom + 14), &tick_text(tick), FAINT, Align::Centre)?;
    }
    Ok(())
}

/// A round value without the zeros that it does not need.
fn tick_text(tick: f64) -> String {
    // Rounded, lest 0.6000000000000001 be told.
    format!("{}", (tick * 1e6).round() / 1e6)
}

fn row(
    canvas: &Canvas<'_>,
    axis: &Axis,
    y: i32,
    case: &Case,
    contestant: &Contestant,
) -> Result<()> {
    let middle = y + ROW / 2;
    let name = &*contestant.name;
    match name {
        READYWIRE => canvas.bold((LEFT - 8, middle), name, INK, Align::Right)?,
        _ => canvas.text((LEFT - 8, middle), name, INK, Align::Right)?,
    }
    let time = format::seconds(case.value(contestant));
    let Some(ratio) = ratio(contestant) else {
        return canvas.text((LEFT + 8, middle), &time, INK, Align::Left);
    };
    // Without a zero, a bar tells how far from one it is.
    let zero = if axis.is_logarithmic() {
        axis.at(1.0)
    } else {
        axis.at(0.0)
    };
    let end = axis.at(ratio.median);
    canvas.bar(
        zero.min(end)..zero.max(end),
        y + 3..y + ROW - 3,
        colour(name),
    )?;
    let (low, high) = (axis.at(ratio.low), axis.at(ratio.high));
    if high > low {
        canvas.line((low, middle), (high, middle), INK.stroke_width(1))?;
        for x in [low, high] {
            canvas.line((x, middle - 3), (x, middle + 3), INK.stroke_width(1))?;
        }
    }
    let text = format!("{} ({time})", format::ratio(ratio.median));
    let x = zero.max(high).max(end) + 8;
    match name {
        READYWIRE => canvas.bold((x, middle), &text, INK, Align::Left),
        _ => canvas.text((x, middle), &text, INK, Align::Left),
    }
}
