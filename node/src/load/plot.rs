//! A run over time as a picture: throughput above, latency below, as SVG.

use std::error::Error;
use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::PathElement;
use plotters::prelude::{Cartesian2d, SVGBackend, SeriesLabelPosition};
use plotters::series::LineSeries;
use plotters::style::{Color, RGBColor, WHITE};

use super::report::Report;
use super::series::Stretch;

/// Size of the picture in pixels.
const SIZE: (u32, u32) = (960, 640);
/// Pixels of the heading, and of each chart's.
const HEADING: u32 = 34;
/// Colours that people who see few of them tell apart.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const GREY: RGBColor = RGBColor(120, 120, 120);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A line of a chart: its name, its colour, its points. Where nothing is known it has a gap.
struct Line {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, Option<f64>)>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[error("the picture cannot be drawn: {reason}")]
pub struct PlotError {
    /// What the library says.
    pub reason: String,
}

/// Draws a run.
///
/// # Errors
/// If the library cannot.
pub fn svg(report: &Report) -> Result<String, PlotError> {
    let mut picture = String::new();
    draw(report, &mut picture).map_err(|error| PlotError { reason: error.to_string() })?;
    Ok(picture)
}

fn draw(report: &Report, picture: &mut String) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::with_string(picture, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (heading, charts) = area.split_vertically(HEADING);
    let text = heading_of(report);
    heading.titled(&text, ("sans-serif", 15))?;
    let [above, below] =
        <[Area; 2]>::try_from(charts.split_evenly((2, 1))).map_err(|_| "two charts do not fit")?;
    let at = |it: &Stretch| it.from + it.seconds / 2.0;
    let line = |name, colour, of: fn(&Stretch) -> Option<f64>| {
        let points = report.series.iter().map(|it| (at(it), of(it))).collect();
        Line { name, colour, points }
    };
    let end = report.series.last().map_or(1.0, |it| it.from + it.seconds);
    let throughput =
        [line("sent", GREY, |it| Some(it.sent)), line("committed", BLUE, |it| Some(it.committed))];
    chart(&above, "transactions a second", end, &throughput)?;
    let latency = [
        line("p50", GREEN, |it| it.latency_ms.map(|it| it.p50)),
        line("p90", BLUE, |it| it.latency_ms.map(|it| it.p90)),
        line("p99", ORANGE, |it| it.latency_ms.map(|it| it.p99)),
    ];
    let caption = "milliseconds from being sent until its block came, by the time of sending";
    chart(&below, caption, end, &latency)?;
    area.present()?;
    Ok(())
}

fn heading_of(report: &Report) -> String {
    let (asked, counts) = (&report.asked, &report.transactions);
    let rate = match asked.rate {
        0 => "closed loop".to_owned(),
        rate => format!("{rate} tx/s"),
    };
    format!(
        "{}: {rate}, {} bytes, {} connections, {}; {} sent, {} committed, {:.0} tx/s",
        report.chain,
        asked.size,
        asked.connections,
        asked.method,
        counts.sent,
        counts.committed,
        report.rates.committed,
    )
}

fn chart(area: &Area, caption: &str, end: f64, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let mut chart: Chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 14))
        .margin(8)
        .margin_right(24)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..end, heights(lines))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc("seconds")
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .label_style(("sans-serif", 12))
        .draw()?;
    for Line { name, colour, points } in lines {
        let style = colour.stroke_width(2);
        let mut named = false;
        // A gap ends a piece; a piece of one point is drawn as a short stroke.
        for piece in points.split(|(_, known)| known.is_none()) {
            let piece: Vec<(f64, f64)> =
                piece.iter().filter_map(|&(at, known)| Some((at, known?))).collect();
            let piece = match piece.as_slice() {
                [] => continue,
                &[(at, value)] => vec![(at - 0.2, value), (at + 0.2, value)],
                _ => piece,
            };
            let drawn = chart.draw_series(LineSeries::new(piece, style))?;
            if !named {
                named = true;
                let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], style);
                drawn.label(*name).legend(key);
            }
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}

/// A number at an axis.
fn number(value: &f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// From zero to so far above the highest point that the names of the lines have room; something
/// where there is none.
fn heights(lines: &[Line]) -> Range<f64> {
    let points = lines.iter().flat_map(|line| &line.points);
    let known = points.filter_map(|(_, known)| *known);
    let (low, high) = known.fold((0.0_f64, 0.0_f64), |(low, high), it| (low.min(it), high.max(it)));
    let high = if high <= 0.0 { 1.0 } else { high * 1.4 };
    low..high
}

#[cfg(test)]
mod tests {
    use super::super::spread::Spread;
    use super::*;
    use crate::load::ledger::Ledger;
    use crate::load::report::{Asked, Course};

    fn report(series: Vec<Stretch>) -> Report {
        let asked = Asked { connections: 2, rate: 0, size: 100, seconds: 1, method: "sync" };
        let course = Course {
            run: "00000000".into(),
            chain: "a<b>&c".into(),
            targets: vec![],
            asked,
            block_bytes_max: None,
            sending_seconds: 3.0,
            interrupted: false,
            turns_missed: 0,
        };
        Report { series, ..Report::new(Ledger::new(types::Time::EPOCH), course) }
    }

    fn stretch(from: f64, latency: Option<f64>) -> Stretch {
        let latency_ms = latency.and_then(|it| Spread::of(vec![it]));
        Stretch { from, seconds: 1.0, sent: 10.0, committed: 5.0, latency_ms }
    }

    #[test]
    fn a_run_without_samples_is_a_picture_too() {
        for series in [vec![], report(vec![]).series, vec![stretch(0.0, None)]] {
            let picture = svg(&report(series)).unwrap();
            assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
            assert!(picture.contains("transactions a second"));
            assert!(!picture.contains("NaN") && !picture.contains("inf"));
        }
    }

    #[test]
    fn gaps_and_single_points_are_drawn_and_names_are_escaped() {
        let series = [Some(100.0), None, Some(50.0), Some(60.0)];
        let series = (0..4).map(f64::from).zip(series);
        let series = series.map(|(from, it)| stretch(from, it)).collect();
        let picture = svg(&report(series)).unwrap();
        // Two lines of throughput, and three of latency in two pieces each, and five keys.
        assert_eq!(picture.matches("stroke-width=\"2\"").count(), 2 + 6 + 5);
        for name in ["sent", "committed", "p50", "p90", "p99", "seconds"] {
            assert!(picture.contains(name), "{name}");
        }
        assert!(picture.contains("a&lt;b&gt;&amp;c") && !picture.contains("a<b>"));
    }
}
