//! What all charts are drawn with: text, lines, colours and axes.

use std::ops::Range;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::results::{Case, READYWIRE};

pub(super) const WIDTH: u32 = 880;
/// How much room the title takes.
pub(super) const TOP: i32 = 64;

pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const FAINT: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub(super) const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// The size of the text; what comes out of plotters is a fifth less.
const TEXT: i32 = 15;

/// Colours that those who see no red or green tell apart, each contestant's the same in every chart.
const COLOURS: [(&str, RGBColor); 7] = [
    ("raw", RGBColor(0x77, 0x77, 0x77)),
    (READYWIRE, RGBColor(0xd5, 0x5e, 0x00)),
    ("mio 1", RGBColor(0x00, 0x72, 0xb2)),
    ("mio 0.6", RGBColor(0x56, 0xb4, 0xe9)),
    ("polling", RGBColor(0x00, 0x9e, 0x73)),
    ("tokio", RGBColor(0xcc, 0x79, 0xa7)),
    ("socket2", RGBColor(0x9a, 0x7d, 0x0a)),
];

pub(super) fn colour(name: &str) -> RGBColor {
    COLOURS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(RGBColor(0x44, 0x44, 0xaa), |(_, colour)| *colour)
}

/// A sheet to draw on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Where a text stands to its point.
#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

impl Canvas<'_> {
    /// Draws on a white sheet with a title and what it says below it; returns the SVG.
    pub(super) fn draw(
        height: i32,
        title: &str,
        subtitle: &str,
        draw: impl FnOnce(&Canvas<'_>) -> Result<()>,
    ) -> Result<String> {
        let mut svg = String::new();
        {
            let size = (WIDTH, u32::try_from(height)?);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            area.fill(&WHITE)?;
            let canvas = Canvas { area };
            canvas.styled((16, 22), title, (20, INK, FontStyle::Bold), Align::Left)?;
            canvas.text((16, 45), subtitle, FAINT, Align::Left)?;
            draw(&canvas)?;
            canvas.area.present()?;
        }
        Ok(svg)
    }

    pub(super) fn text(
        &self,
        at: (i32, i32),
        text: &str,
        colour: RGBColor,
        align: Align,
    ) -> Result<()> {
        self.styled(at, text, (TEXT, colour, FontStyle::Normal), align)
    }

    pub(super) fn bold(
        &self,
        at: (i32, i32),
        text: &str,
        colour: RGBColor,
        align: Align,
    ) -> Result<()> {
        self.styled(at, text, (TEXT, colour, FontStyle::Bold), align)
    }

    fn styled(
        &self,
        at: (i32, i32),
        text: &str,
        (size, colour, style): (i32, RGBColor, FontStyle),
        align: Align,
    ) -> Result<()> {
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = ("sans-serif", size)
            .into_font()
            .style(style)
            .color(&colour)
            .pos(Pos::new(horizontal, VPos::Center));
        Ok(self.area.draw(&Text::new(text, at, style))?)
    }

    pub(super) fn line(&self, from: (i32, i32), to: (i32, i32), style: ShapeStyle) -> Result<()> {
        Ok(self.area.draw(&PathElement::new([from, to], style))?)
    }

    pub(super) fn path(&self, points: Vec<(i32, i32)>, style: ShapeStyle) -> Result<()> {
        Ok(self.area.draw(&PathElement::new(points, style))?)
    }

    pub(super) fn bar(&self, x: Range<i32>, y: Range<i32>, colour: RGBColor) -> Result<()> {
        let corners = [(x.start, y.start), (x.end, y.end)];
        Ok(self.area.draw(&Rectangle::new(corners, colour.filled()))?)
    }

    pub(super) fn dot(&self, at: (i32, i32), radius: i32, colour: RGBColor) -> Result<()> {
        Ok(self.area.draw(&Circle::new(at, radius, colour.filled()))?)
    }

    /// Names contestants and their colours in a row.
    pub(super) fn legend(&self, y: i32, names: &[&str]) -> Result<()> {
        let mut x = 22;
        for name in names {
            self.dot((x, y), 5, colour(name))?;
            self.text((x + 10, y), name, INK, Align::Left)?;
            x += 40 + 8 * i32::try_from(name.len())?;
        }
        Ok(())
    }
}

/// The names of all who take part, in order.
pub(super) fn names<'a>(cases: &[&'a Case]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for contestant in cases.iter().flat_map(|case| &case.contestants) {
        if !names.contains(&&*contestant.name) {
            names.push(&*contestant.name);
        }
    }
    names
}

/// Maps values to pixels.
pub(super) struct Axis {
    logarithmic: bool,
    values: Range<f64>,
    /// From which to which.
    pixels: (i32, i32),
}

impl Axis {
    /// From zero to the largest value.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>, pixels: (i32, i32)) -> Axis {
        let largest = values.into_iter().fold(0.0, f64::max);
        Axis {
            logarithmic: false,
            values: 0.0..if largest > 0.0 { largest } else { 1.0 },
            pixels,
        }
    }

    /// From below the least value to above the largest, both of which are above zero.
    pub(super) fn logarithmic(values: impl IntoIterator<Item = f64>, pixels: (i32, i32)) -> Axis {
        let (least, largest) = values
            .into_iter()
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0), |(least, largest), value| {
                (f64::min(least, value), f64::max(largest, value))
            });
        let values = match least <= largest {
            true => least / 1.15..largest * 1.15,
            false => 0.1..10.0,
        };
        Axis {
            logarithmic: true,
            values,
            pixels,
        }
    }

    pub(super) fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// Where a value stands; what lies outside stands at the edge.
    pub(super) fn at(&self, value: f64) -> i32 {
        let Range { start, end } = self.values;
        let share = match self.logarithmic {
            true => (value.max(start) / start).ln() / (end / start).ln(),
            false => (value - start) / (end - start),
        };
        let length = f64::from(self.pixels.1 - self.pixels.0);
        // Casts of what is no number are zero.
        self.pixels.0 + (share.clamp(0.0, 1.0) * length).round() as i32
    }

    /// Round values at which to draw a line.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let Range { start, end } = self.values;
        if !self.logarithmic {
            let step = step((end - start) / 6.0);
            return (0..)
                .map(|at| start + f64::from(at) * step)
                .take_while(|value| *value <= end * 1.0001)
                .collect();
        }
        let decades = start.log10().floor() as i32..=end.log10().ceil() as i32;
        let within_decade: &[f64] = match end / start {
            ..100.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        decades
            .flat_map(|decade| {
                within_decade
                    .iter()
                    .map(move |digit| digit * 10_f64.powi(decade))
            })
            .filter(|value| (start..=end).contains(value))
            .collect()
    }
}

/// The round step that is not below another one: 1, 2 or 5 of some power of ten.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let digit = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|digit| digit * power >= least);
    digit.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_start_at_zero() {
        let axis = Axis::linear([1.0, 2.0], (100, 300));
        assert_eq!(
            [0.0, 1.0, 2.0, 9.0].map(|value| axis.at(value)),
            [100, 200, 300, 300]
        );
        assert_eq!(axis.ticks(), [0.0, 0.5, 1.0, 1.5, 2.0]);
    }

    #[test]
    fn logarithmic_axes_bear_what_is_not_above_zero() {
        let axis = Axis::logarithmic([0.0, 0.01, 1.0, 100.0], (0, 1000));
        assert_eq!(axis.at(1.0), 500);
        assert_eq!(axis.at(-3.0), 0);
        assert_eq!(axis.ticks(), [0.01, 0.1, 1.0, 10.0, 100.0]);
        assert_eq!(Axis::logarithmic([], (0, 1000)).at(1.0), 500);
    }

    #[test]
    fn axes_may_run_upwards() {
        let axis = Axis::linear([10.0], (300, 100));
        assert_eq!([0.0, 10.0].map(|value| axis.at(value)), [300, 100]);
    }
}
