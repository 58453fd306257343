//! Draws what the running resamplers do to tones, an impulse and a step.
//!
//! `cargo run -p trunkline-benches --bin response` writes one SVG per filter to `benches/report/`.
//! Nothing is computed from taps: every point is the output of the resampler that users call.

use std::error::Error;
use std::f64::consts::TAU;
use std::fs;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use realfft::RealFftPlanner;
use trunkline::resample::{Profile, Resampler};

fn main() -> Result<(), Box<dyn Error>> {
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("report");
    fs::create_dir_all(&report)?;
    for filter in FILTERS {
        let path = report.join(filter.file_name());
        draw(filter, &path)?;
        println!("benches/report/{}", filter.file_name());
    }
    Ok(())
}

/// A filter to draw, and what its documentation promises.
#[derive(Clone, Copy)]
struct Filter {
    from_hz: u32,
    to_hz: u32,
    profile: Profile,
    passband_hz: f64,
    stopband_hz: f64,
    rejection_db: f64,
}

const FILTERS: [Filter; 8] = [
    filter(8_000, 24_000, Profile::Voice, 3_400.0, 4_600.0, 86.0),
    filter(24_000, 8_000, Profile::Voice, 3_400.0, 4_600.0, 84.0),
    filter(8_000, 16_000, Profile::Voice, 3_400.0, 4_600.0, 86.0),
    filter(16_000, 8_000, Profile::Voice, 3_400.0, 4_600.0, 86.0),
    filter(16_000, 24_000, Profile::Voice, 7_000.0, 9_000.0, 84.0),
    filter(24_000, 16_000, Profile::Voice, 7_000.0, 9_000.0, 84.0),
    filter(8_000, 24_000, Profile::Sharp, 3_400.0, 4_000.0, 84.0),
    filter(24_000, 8_000, Profile::Sharp, 3_400.0, 4_000.0, 84.0),
];

const fn filter(
    from_hz: u32,
    to_hz: u32,
    profile: Profile,
    passband_hz: f64,
    stopband_hz: f64,
    rejection_db: f64,
) -> Filter {
    Filter {
        from_hz,
        to_hz,
        profile,
        passband_hz,
        stopband_hz,
        rejection_db,
    }
}

impl Filter {
    fn file_name(&self) -> String {
        let (from, to) = (self.from_hz / 1_000, self.to_hz / 1_000);
        format!("response-{from}-{to}-{:?}.svg", self.profile).to_lowercase()
    }

    fn title(&self) -> String {
        let (from, to) = (self.from_hz / 1_000, self.to_hz / 1_000);
        format!("{from} kHz to {to} kHz, {:?}", self.profile)
    }

    fn resampler(&self) -> Resampler {
        Resampler::with_profile(self.from_hz, self.to_hz, self.profile).expect("a fixed ratio")
    }

    fn resample(&self, input: &[i16]) -> Vec<f64> {
        let mut resampler = self.resampler();
        let mut output = vec![0; resampler.output_len(input.len())];
        resampler
            .process(input, &mut output)
            .expect("the length was asked for");
        output.into_iter().map(f64::from).collect()
    }

    /// Gain in dB over frequency in kHz.
    ///
    /// Going up, a tone comes out where it was and as images: together they sweep the output's
    /// band. Going down, the strongest thing a tone of the input's band turns into.
    fn response(&self) -> Vec<(f64, f64)> {
        let up = self.to_hz > self.from_hz;
        let mut points = Vec::new();
        for tone in 1..bin(f64::from(self.from_hz) / 2.0) {
            // The companion keeps faint aliases from being rounded away.
            let companion = (tone != COMPANION).then_some((COMPANION, 5_000.0));
            let spectrum = self.spectrum(tone, 25_000.0, companion);
            if up {
                let period = bin(self.from_hz.into());
                let images = (1..).flat_map(|n| [n * period - tone, n * period + tone]);
                let bins = [tone]
                    .into_iter()
                    .chain(images)
                    .take_while(|&at| at < spectrum.len());
                points.extend(bins.map(|at| (at, spectrum[at])));
            } else {
                let others = spectrum
                    .iter()
                    .enumerate()
                    .filter(|&(at, _)| at != 0 && (at != COMPANION || tone == COMPANION));
                let strongest = others.map(|(_, &gain)| gain).fold(0.0, f64::max);
                points.push((tone, strongest));
            }
        }
        points.sort_by_key(|&(at, _)| at);
        points
            .into_iter()
            .map(|(at, gain)| (kilohertz(at), decibels(gain)))
            .collect()
    }

    /// Magnitudes of the settled output's bins, relative to the tone.
    fn spectrum(&self, tone: usize, amplitude: f64, companion: Option<(usize, f64)>) -> Vec<f64> {
        let window_in = 2 * bin(f64::from(self.from_hz) / 2.0);
        let window_out = 2 * bin(f64::from(self.to_hz) / 2.0);
        let input: Vec<i16> = (0..2 * window_in)
            .map(|at| {
                let turns = at as f64 / window_in as f64;
                let tones = [(tone, amplitude)].into_iter().chain(companion);
                let sum = tones.map(|(bin, level)| level * (TAU * bin as f64 * turns).sin());
                sum.sum::<f64>().round() as i16
            })
            .collect();
        let mut settled = self.resample(&input).split_off(window_out);
        let fft = RealFftPlanner::new().plan_fft_forward(window_out);
        let mut spectrum = fft.make_output_vec();
        fft.process(&mut settled, &mut spectrum)
            .expect("buffers of the planned length");
        let unit = amplitude * window_out as f64 / 2.0;
        spectrum.into_iter().map(|x| x.norm() / unit).collect()
    }

    /// Output over time in ms for an input that begins at time 0, relative to `unit`.
    fn over_time(&self, input: &[i16], unit: f64) -> Vec<(f64, f64)> {
        let output = self.resample(input).into_iter().enumerate();
        output
            .map(|(at, x)| (at as f64 * 1e3 / f64::from(self.to_hz), x / unit))
            .collect()
    }
}

fn draw(filter: Filter, path: &Path) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (1_100, 800)).into_drawing_area();
    root.fill(&WHITE)?;
    let delay_ms = filter.resampler().delay() as f64 * 1e3 / f64::from(filter.to_hz);
    let root = root.titled(
        &format!("{}: group delay {delay_ms:.2} ms", filter.title()),
        ("sans-serif", 22),
    )?;
    let panels = root.split_evenly((2, 2));
    let response = filter.response();

    let highest = f64::from(filter.from_hz.max(filter.to_hz)) / 2e3;
    let up = filter.to_hz > filter.from_hz;
    let mut chart = panel(
        &panels[0],
        if up {
            "tones and their images, dB"
        } else {
            "tones and what they alias to, dB"
        },
        "kHz",
        0.0..highest,
        -110.0..5.0,
    )?;
    let (pass, stop) = (filter.passband_hz / 1e3, filter.stopband_hz / 1e3);
    let floor = -filter.rejection_db;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (pass, 0.0)], PROMISED))?;
    chart.draw_series(LineSeries::new([(stop, floor), (highest, floor)], PROMISED))?;
    chart.draw_series(LineSeries::new(response.iter().copied(), MEASURED))?;

    let mut chart = panel(&panels[1], "pass band, dB", "kHz", 0.0..pass, -0.006..0.006)?;
    chart.draw_series(LineSeries::new(
        response.iter().copied().take_while(|&(khz, _)| khz <= pass),
        MEASURED,
    ))?;

    let length = 12 * filter.from_hz as usize / 1_000;
    let mut impulse = vec![0; length];
    impulse[0] = i16::MAX;
    let unit = f64::from(i16::MAX) * (f64::from(filter.to_hz) / f64::from(filter.from_hz)).min(1.0);
    draw_over_time(
        &panels[2],
        "impulse",
        -0.3..1.1,
        &filter.over_time(&impulse, unit),
        delay_ms,
    )?;
    // Room above for the overshoot.
    let step = vec![16_000; length];
    draw_over_time(
        &panels[3],
        "step",
        -0.2..1.2,
        &filter.over_time(&step, 16_000.0),
        delay_ms,
    )?;
    root.present()?;
    Ok(())
}

fn draw_over_time(
    area: &Area<'_>,
    caption: &str,
    range: Range<f64>,
    points: &[(f64, f64)],
    delay_ms: f64,
) -> Result<(), Box<dyn Error>> {
    let (low, high) = (range.start, range.end);
    let mut chart = panel(area, caption, "ms", 0.0..9.0, range)?;
    chart.draw_series(LineSeries::new(
        [(delay_ms, low), (delay_ms, high)],
        PROMISED,
    ))?;
    let shown = points.iter().copied().take_while(|&(ms, _)| ms <= 9.0);
    chart.draw_series(LineSeries::new(shown, MEASURED))?;
    Ok(())
}

fn panel<'a>(
    area: &Area<'a>,
    caption: &str,
    unit: &str,
    x: Range<f64>,
    y: Range<f64>,
) -> Result<Chart<'a>, Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(unit)
        .max_light_lines(1)
        .draw()?;
    Ok(chart)
}

fn bin(hertz: f64) -> usize {
    (hertz / RESOLUTION_HZ) as usize
}

fn kilohertz(bin: usize) -> f64 {
    bin as f64 * RESOLUTION_HZ / 1e3
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-9).log10()
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

type Chart<'a> = ChartContext<
    'a,
    SVGBackend<'a>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Every tone lies on a bin of a window this long.
const RESOLUTION_HZ: f64 = 25.0;

/// Bin of the second tone.
const COMPANION: usize = 41;

const MEASURED: RGBColor = RGBColor(0x1F, 0x5F, 0xA8);

const PROMISED: RGBColor = RGBColor(0xD0, 0x6A, 0x1E);
