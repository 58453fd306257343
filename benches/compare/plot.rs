//! The resamplers over their time: what they let through of mirror images, and how late they are.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::labels;
use crate::resample::{Comparison, Row};

/// What is drawn over time.
pub(crate) struct View {
    file_name: &'static str,
    quantity: &'static str,
    notes: [&'static str; 3],
    range: Range<f64>,
    marks: &'static [f64],
    y: fn(&Row) -> f64,
    /// Where a second level is to be shown below the dot.
    low: fn(&Row) -> f64,
    format: fn(f64) -> String,
}

pub(crate) const REJECTION: View = View {
    file_name: "peers.svg",
    quantity: "mirror images, dB below the tone",
    notes: [
        "Left is faster, up is cleaner. Dot: the strongest mirror image from 4.6 kHz on; the tick below it: from 4.0 kHz on.",
        "Number: delay in ms, gapless. Hollow: over 0.5 dB lost at 3.4 kHz. Grey: another one is as good or better in time,",
        "images from 4.6 kHz and delay. At 105 dB, past what 16 bits hold, all count as equal.",
    ],
    range: -6.0..140.0,
    marks: &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0],
    y: |row| row.stopped_4600(),
    low: |row| row.stopped_4000(),
    format: |level| format!("{level:.0}"),
};

pub(crate) const DELAY: View = View {
    file_name: "peers-delay.svg",
    quantity: "delay in ms, gapless",
    notes: [
        "Left is faster, down is sooner. The delay is what gapless playback needs, beside the 20 ms of the frames that are put in.",
        "Hollow: over 0.5 dB lost at 3.4 kHz. Grey: another one is as good or better in time, mirror images from 4.6 kHz and",
        "delay. Those below 0.1 ms, which do not filter, are at the bottom.",
    ],
    range: -1.1..2.5,
    marks: &[-1.0, 0.0, 1.0, 2.0],
    y: |row| row.delay.gapless.max(0.1).log10(),
    low: |row| row.delay.gapless.max(0.1).log10(),
    format: |power| format!("{}", 10_f64.powf(power)),
};

/// Draws a panel for each direction.
pub(crate) fn draw(
    view: &View,
    comparisons: &[Comparison],
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let path = folder.join(view.file_name);
    let height = HEAD + PANEL * comparisons.len() as u32;
    let root = SVGBackend::new(&path, (1_060, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(HEAD);
    for (line, note) in view.notes.iter().enumerate() {
        let at = (24, 12 + 21 * line as i32);
        head.draw(&Text::new(*note, at, ("sans-serif", TEXT)))?;
    }
    for (column, (limit, colour)) in DELAYS.into_iter().enumerate() {
        let x = 30 + 110 * column as i32;
        let name = if limit.is_finite() {
            format!("≤ {limit:.0} ms")
        } else {
            "longer delay".to_owned()
        };
        head.draw(&Circle::new((x, 90), DOT, colour.filled()))?;
        head.draw(&Text::new(name, (x + 12, 84), ("sans-serif", TEXT)))?;
    }
    let panels = body.split_evenly((comparisons.len(), 1));
    for (area, comparison) in panels.iter().zip(comparisons) {
        panel(view, comparison, area)?;
    }
    root.present()?;
    println!("benches/report/{}", view.file_name);
    Ok(())
}

fn panel(
    view: &View,
    comparison: &Comparison,
    area: &DrawingArea<SVGBackend<'_>, Shift>,
) -> Result<(), Box<dyn Error>> {
    let caption = format!("{}: {}", comparison.direction, view.quantity);
    let chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 19))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(44)
        .build_cartesian_2d(TIMES, view.range.clone())?;
    let (left, top) = area.get_base_pixel();
    let moved = |(x, y): (i32, i32)| (x - left, y - top);
    let bounds = chart.plotting_area().get_pixel_range();
    grid(view, area, &bounds, |point| chart.backend_coord(&point))?;

    // The soonest last, on top of the others.
    let mut rows: Vec<_> = comparison.rows.iter().collect();
    rows.sort_by(|a, b| b.delay.gapless.total_cmp(&a.delay.gapless));
    let at =
        |row: &Row, y: fn(&Row) -> f64| chart.backend_coord(&(row.time.median.log10(), y(row)));
    let dots: Vec<_> = rows.iter().map(|row| at(row, view.y)).collect();
    let lows: Vec<_> = rows.iter().map(|row| at(row, view.low)).collect();
    let texts: Vec<_> = rows
        .iter()
        .map(|row| format!("{} · {}", row.name, short(row.delay.gapless)))
        .collect();
    let drops: Vec<_> = dots.iter().copied().zip(lows).collect();
    let labels = labels::place(&dots, &texts, &drops, TEXT, &bounds);

    for (row, &(dot, low)) in rows.iter().zip(&drops) {
        if low != dot {
            let (x, y) = moved(low);
            let colour = colour(row);
            area.draw(&PathElement::new(
                vec![moved(dot), (x, y)],
                colour.mix(0.45),
            ))?;
            area.draw(&PathElement::new(vec![(x - 5, y), (x + 5, y)], colour))?;
        }
    }
    for (((row, &dot), text), label) in rows.iter().zip(&dots).zip(texts).zip(&labels) {
        if label.distance(dot) > 14 {
            let line = vec![moved(dot), moved(label.at)];
            area.draw(&PathElement::new(line, BLACK.mix(0.3)))?;
        }
        let style = if row.is_ours() {
            ("sans-serif", TEXT, FontStyle::Bold).into_text_style(area)
        } else if comparison.is_beaten(row) {
            ("sans-serif", TEXT)
                .with_color(BLACK.mix(0.5))
                .into_text_style(area)
        } else {
            ("sans-serif", TEXT).into_text_style(area)
        };
        let style = style.pos(Pos::new(label.side, VPos::Center));
        area.draw(&Text::new(text, moved(label.at), style))?;
    }
    for (row, &dot) in rows.iter().zip(&dots) {
        let colour = colour(row);
        let size = if row.is_ours() { DOT + 2 } else { DOT };
        let fill = if row.levels.gain_3400 < -0.5 {
            WHITE
        } else {
            colour
        };
        area.draw(&Circle::new(moved(dot), size + 2, WHITE.filled()))?;
        area.draw(&Circle::new(moved(dot), size, fill.filled()))?;
        area.draw(&Circle::new(moved(dot), size, colour.stroke_width(2)))?;
    }
    Ok(())
}

/// Lines and numbers; `place` turns logarithms of time and values into pixels.
fn grid(
    view: &View,
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    (across, down): &(Range<i32>, Range<i32>),
    place: impl Fn((f64, f64)) -> (i32, i32),
) -> Result<(), Box<dyn Error>> {
    let (left, top) = area.get_base_pixel();
    let moved = |(x, y): (i32, i32)| (x - left, y - top);
    let line = |from, to| PathElement::new(vec![moved(from), moved(to)], GRID);
    let text = ("sans-serif", TEXT).into_text_style(area);
    let below = text.pos(Pos::new(HPos::Center, VPos::Top));
    let beside = text.pos(Pos::new(HPos::Right, VPos::Center));
    for power in [2.0, 3.0, 4.0, 5.0] {
        let (x, _) = place((power, view.range.start));
        area.draw(&line((x, down.start), (x, down.end)))?;
        area.draw(&Text::new(
            time_label(power),
            moved((x, down.end + 6)),
            below.clone(),
        ))?;
    }
    for &value in view.marks {
        let (_, y) = place((TIMES.start, value));
        area.draw(&line((across.start, y), (across.end, y)))?;
        let label = (view.format)(value);
        area.draw(&Text::new(
            label,
            moved((across.start - 6, y)),
            beside.clone(),
        ))?;
    }
    let middle = (across.start + across.end) / 2;
    let title = Text::new("time per 20 ms", moved((middle, down.end + 24)), below);
    area.draw(&title)?;
    let frame = [(across.start, down.start), (across.end, down.end)].map(moved);
    area.draw(&Rectangle::new(frame, BLACK.mix(0.4)))?;
    Ok(())
}

fn colour(row: &Row) -> RGBColor {
    let class = DELAYS.iter().find(|(limit, _)| row.delay.gapless <= *limit);
    class.expect("the last has no limit").1
}

fn short(delay_ms: f64) -> String {
    if delay_ms < 9.95 {
        // Without the sign of a rounding's −0.0.
        format!("{:.1}", delay_ms.max(0.0))
    } else {
        format!("{delay_ms:.0}")
    }
}

fn time_label(power: f64) -> String {
    let nanoseconds = 10_f64.powf(power);
    if nanoseconds < 999.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.0} µs", nanoseconds / 1e3)
    }
}

const DELAYS: [(f64, RGBColor); 4] = [
    (4.0, RGBColor(0x1F, 0x5F, 0xA8)),
    (10.0, RGBColor(0x2A, 0x9D, 0x8F)),
    (25.0, RGBColor(0xE0, 0x8E, 0x1A)),
    (f64::INFINITY, RGBColor(0xB5, 0x2A, 0x2A)),
];

/// Logarithms of nanoseconds.
const TIMES: Range<f64> = 1.8..5.8;

const GRID: RGBColor = RGBColor(0xE2, 0xE2, 0xE2);

const HEAD: u32 = 108;
const PANEL: u32 = 570;
const TEXT: i32 = 15;
const DOT: i32 = 6;
