//! The call as an SVG: both waveforms and what happened, on one time line.

use std::fmt::Write;

/// A picture of one or more stretches of the same call, one below the other.
pub(crate) struct Picture<'a> {
    pub(crate) title: String,
    pub(crate) tracks: Vec<Track<'a>>,
    pub(crate) rows: Vec<Row>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) stretches: Vec<Stretch>,
}

/// A waveform at 8 kHz whose first sample is at `start` seconds.
pub(crate) struct Track<'a> {
    pub(crate) name: &'static str,
    pub(crate) colour: &'static str,
    pub(crate) start: f64,
    pub(crate) samples: &'a [i16],
    /// What would have sounded from there on, had it not been thrown away.
    pub(crate) unheard: Option<(f64, Vec<i16>)>,
}

/// A row of spans under the waveforms.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) colour: &'static str,
    pub(crate) spans: Vec<Span>,
}

/// Something that lasts, in seconds.
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: String,
}

/// Something that happens at `at` seconds.
pub(crate) struct Mark {
    pub(crate) at: f64,
    pub(crate) label: String,
    pub(crate) colour: &'static str,
    /// Shown in enlarged stretches only.
    pub(crate) is_detail: bool,
}

/// What is shown, in seconds.
pub(crate) struct Stretch {
    pub(crate) title: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) is_enlarged: bool,
}

impl Picture<'_> {
    /// The whole SVG document.
    pub(crate) fn svg(&self) -> String {
        let heights: Vec<f64> = self
            .stretches
            .iter()
            .map(|stretch| self.height(stretch))
            .collect();
        let height = HEAD + heights.iter().sum::<f64>();
        let mut svg = String::new();
        let _ = write!(
            svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/><text x="{LEFT}" y="24" font-size="17" font-weight="bold">{}</text>"##,
            escape(&self.title),
        );
        let mut top = HEAD;
        for (stretch, height) in self.stretches.iter().zip(heights) {
            self.draw(&mut svg, stretch, top);
            top += height;
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn height(&self, stretch: &Stretch) -> f64 {
        STRETCH_HEAD
            + self.label_lines(stretch) as f64 * LABEL
            + self.tracks.len() as f64 * TRACK
            + self.rows.len() as f64 * ROW
            + AXIS
    }

    fn draw(&self, svg: &mut String, stretch: &Stretch, top: f64) {
        let x = |at: f64| {
            let at = at.clamp(stretch.from, stretch.to);
            LEFT + (at - stretch.from) / (stretch.to - stretch.from) * (WIDTH - LEFT - RIGHT)
        };
        let _ = write!(
            svg,
            r#"<text x="{LEFT}" y="{}" font-weight="bold">{}</text>"#,
            top + 16.0,
            escape(&stretch.title),
        );
        let marks_top = top + STRETCH_HEAD;
        let tracks_top = marks_top + self.label_lines(stretch) as f64 * LABEL;
        let rows_top = tracks_top + self.tracks.len() as f64 * TRACK;
        let bottom = rows_top + self.rows.len() as f64 * ROW;

        for (n, track) in self.tracks.iter().enumerate() {
            let middle = tracks_top + (n as f64 + 0.5) * TRACK;
            let _ = write!(
                svg,
                r##"<text x="8" y="{}">{}</text><line x1="{LEFT}" x2="{}" y1="{middle}" y2="{middle}" stroke="#ccc"/>"##,
                middle + 4.0,
                escape(track.name),
                WIDTH - RIGHT,
            );
            let peak = track
                .samples
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max();
            let scale = (TRACK / 2.0 - 4.0) / f64::from(peak.unwrap_or(0).max(1));
            let mut path = |start, samples, colour| {
                let path = outline(start, samples, stretch, middle, scale);
                let _ = write!(svg, r#"<path d="{path}" fill="{colour}"/>"#);
            };
            if let Some((start, samples)) = &track.unheard {
                path(*start, samples, UNHEARD);
            }
            path(track.start, track.samples, track.colour);
        }
        for (n, row) in self.rows.iter().enumerate() {
            let y = rows_top + n as f64 * ROW;
            let _ = write!(
                svg,
                r#"<text x="8" y="{}">{}</text>"#,
                y + 16.0,
                escape(row.name)
            );
            for span in &row.spans {
                if span.to < stretch.from || span.from > stretch.to {
                    continue;
                }
                let (from, to) = (x(span.from), x(span.to));
                let _ = write!(
                    svg,
                    r#"<rect x="{from:.1}" y="{}" width="{:.1}" height="{}" fill="{}" rx="2"/>"#,
                    y + 3.0,
                    (to - from).max(1.5),
                    ROW - 6.0,
                    row.colour,
                );
                // A label wider than its span would cover the next one.
                let fits = ((to - from - 6.0) / CHARACTER).max(0.0) as usize;
                if fits >= span.label.chars().count().min(12) {
                    let label: String = span.label.chars().take(fits).collect();
                    let _ = write!(
                        svg,
                        r#"<text x="{:.1}" y="{}" font-size="11">{}</text>"#,
                        from + 4.0,
                        y + 16.0,
                        escape(&label),
                    );
                }
            }
        }
        for (mark, line) in self.placed_marks(stretch) {
            let (at, y) = (x(mark.at), marks_top + line as f64 * LABEL);
            let _ = write!(
                svg,
                r#"<line x1="{at:.1}" x2="{at:.1}" y1="{}" y2="{bottom}" stroke="{}"/><text x="{:.1}" y="{}" fill="{}" font-size="11">{}</text>"#,
                y + 3.0,
                mark.colour,
                at + 3.0,
                y + 12.0,
                mark.colour,
                escape(&mark.label),
            );
        }
        self.axis(svg, stretch, x, bottom);
    }

    fn axis(&self, svg: &mut String, stretch: &Stretch, x: impl Fn(f64) -> f64, y: f64) {
        let length = stretch.to - stretch.from;
        let step = [
            0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0,
        ]
        .into_iter()
        .find(|step| length / step <= 25.0)
        .unwrap_or(300.0);
        let _ = write!(
            svg,
            r##"<line x1="{LEFT}" x2="{}" y1="{y}" y2="{y}" stroke="#222"/>"##,
            WIDTH - RIGHT,
        );
        let mut tick = (stretch.from / step).ceil();
        while tick * step <= stretch.to {
            let at = x(tick * step);
            let decimals = if step < 0.1 {
                2
            } else {
                usize::from(step < 1.0)
            };
            let _ = write!(
                svg,
                r##"<line x1="{at:.1}" x2="{at:.1}" y1="{y}" y2="{}" stroke="#222"/><text x="{at:.1}" y="{}" text-anchor="middle">{:.decimals$} s</text>"##,
                y + 5.0,
                y + 18.0,
                tick * step,
            );
            tick += 1.0;
        }
    }

    /// The marks of a stretch, each with the line of its label: the first that is free.
    fn placed_marks(&self, stretch: &Stretch) -> Vec<(&Mark, usize)> {
        let scale = (WIDTH - LEFT - RIGHT) / (stretch.to - stretch.from);
        let mut shown: Vec<&Mark> = self
            .marks
            .iter()
            .filter(|mark| (stretch.from..=stretch.to).contains(&mark.at))
            .filter(|mark| stretch.is_enlarged || !mark.is_detail)
            .collect();
        shown.sort_by(|a, b| a.at.total_cmp(&b.at));
        let mut ends: Vec<f64> = Vec::new();
        shown
            .into_iter()
            .map(|mark| {
                let from = (mark.at - stretch.from) * scale;
                let to = from + 8.0 + mark.label.chars().count() as f64 * CHARACTER;
                let line = ends.iter().position(|&end| end <= from).unwrap_or_else(|| {
                    ends.push(0.0);
                    ends.len() - 1
                });
                ends[line] = to;
                (mark, line)
            })
            .collect()
    }

    fn label_lines(&self, stretch: &Stretch) -> usize {
        self.placed_marks(stretch)
            .iter()
            .map(|(_, line)| line + 1)
            .max()
            .unwrap_or(0)
    }
}

/// The extremes of a waveform as a closed path, one column per pixel.
fn outline(start: f64, samples: &[i16], stretch: &Stretch, middle: f64, scale: f64) -> String {
    let columns = (WIDTH - LEFT - RIGHT) as usize;
    let per_column = (stretch.to - stretch.from) * SAMPLE_RATE / columns as f64;
    let first = (stretch.from - start) * SAMPLE_RATE;
    let extremes: Vec<(f64, f64)> = (0..columns)
        .map(|column| {
            let from = (first + column as f64 * per_column).max(0.0) as usize;
            let to = (first + (column + 1) as f64 * per_column).max(0.0).ceil() as usize;
            let to = to.min(samples.len());
            let samples = samples.get(from..to).unwrap_or_default();
            let low = samples.iter().copied().min().unwrap_or(0);
            let high = samples.iter().copied().max().unwrap_or(0);
            (f64::from(low.min(0)), f64::from(high.max(0)))
        })
        .collect();
    let y = |value: f64| middle - value * scale;
    let mut path = String::from("M");
    for (column, (_, high)) in extremes.iter().enumerate() {
        let _ = write!(path, "{:.0},{:.1} ", LEFT + column as f64, y(*high));
    }
    for (column, (low, _)) in extremes.iter().enumerate().rev() {
        let _ = write!(path, "{:.0},{:.1} ", LEFT + column as f64, y(*low));
    }
    path.push('Z');
    path
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Colour of what was thrown away.
const UNHEARD: &str = "#c9c9c9";
const SAMPLE_RATE: f64 = 8_000.0;
const WIDTH: f64 = 1_600.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 20.0;
const HEAD: f64 = 36.0;
const STRETCH_HEAD: f64 = 26.0;
const LABEL: f64 = 15.0;
const TRACK: f64 = 110.0;
const ROW: f64 = 24.0;
const AXIS: f64 = 34.0;
/// Width of a character of the labels, on the wide side.
const CHARACTER: f64 = 6.2;

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(samples: &[i16]) -> Picture<'_> {
        let mark = |at, label: &str, is_detail| Mark {
            at,
            label: label.to_owned(),
            colour: "#c00",
            is_detail,
        };
        Picture {
            title: "a < b & c".to_owned(),
            tracks: vec![Track {
                name: "caller",
                colour: "#46c",
                start: 1.0,
                samples,
                unheard: Some((2.0, vec![1_000; 800])),
            }],
            rows: vec![Row {
                name: "speech",
                colour: "#fc8",
                spans: vec![Span {
                    from: 1.2,
                    to: 1.4,
                    label: "x".to_owned(),
                }],
            }],
            marks: vec![mark(1.5, "first", false), mark(1.501, "second", true)],
            stretches: vec![
                Stretch {
                    title: "all".to_owned(),
                    from: 0.0,
                    to: 3.0,
                    is_enlarged: false,
                },
                Stretch {
                    title: "part".to_owned(),
                    from: 1.45,
                    to: 1.6,
                    is_enlarged: true,
                },
            ],
        }
    }

    #[test]
    fn labels_never_overlap_and_details_show_only_enlarged() {
        let picture = picture(&[]);
        let lines = |n: usize| -> Vec<usize> {
            let placed = picture.placed_marks(&picture.stretches[n]);
            placed.iter().map(|(_, line)| *line).collect()
        };
        assert_eq!(lines(0), [0]);
        assert_eq!(lines(1), [0, 1]);
    }

    #[test]
    fn text_is_escaped_and_every_stretch_is_drawn() {
        let svg = picture(&[i16::MAX; 8_000]).svg();
        assert!(svg.contains("a &lt; b &amp; c"));
        assert_eq!(svg.matches("<path").count(), 4);
        assert_eq!(svg.matches(UNHEARD).count(), 2);
        assert_eq!(svg.matches(">first<").count(), 2);
        assert_eq!(svg.matches(">second<").count(), 1);
        // Out of the enlarged stretch.
        assert_eq!(svg.matches("<rect").count(), 2);
    }

    #[test]
    fn a_waveform_is_drawn_where_it_sounds() {
        let samples = [i16::MAX; 8_000];
        let picture = picture(&samples);
        let path = outline(1.0, &samples, &picture.stretches[0], 100.0, 0.001);
        let points: Vec<(f64, f64)> = path[1..path.len() - 2]
            .split(' ')
            .map(|point| {
                let (x, y) = point.split_once(',').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            })
            .collect();
        let width = (WIDTH - LEFT - RIGHT) / 3.0;
        for (x, y) in &points[..points.len() / 2] {
            let second = (x - LEFT) / width;
            // The column on a boundary holds both.
            if (0.99..=1.01).contains(&second) || (1.99..=2.01).contains(&second) {
                continue;
            }
            assert_eq!(*y < 70.0, (1.0..2.0).contains(&second), "{second}");
        }
    }
}
