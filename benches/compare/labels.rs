//! Places for the names of dots, so that none lies on another.

use std::f64::consts::TAU;
use std::ops::Range;

use plotters::style::text_anchor::HPos;

/// Where a name goes, in pixels.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    /// The middle in height, at the side that faces the dot.
    pub(crate) at: (i32, i32),
    pub(crate) side: HPos,
}

/// A straight line in pixels.
pub(crate) type Line = ((i32, i32), (i32, i32));

/// Places each text as near its dot as the dots, the lines and the other texts leave room, within
/// `bounds`.
pub(crate) fn place(
    dots: &[(i32, i32)],
    texts: &[String],
    lines: &[Line],
    font_size: i32,
    bounds: &(Range<i32>, Range<i32>),
) -> Vec<Label> {
    let within = |patch: &Patch| {
        [patch.left, patch.right]
            .iter()
            .all(|x| bounds.0.contains(x))
            && [patch.top, patch.bottom]
                .iter()
                .all(|y| bounds.1.contains(y))
    };
    let mut placed: Vec<Option<(Patch, Label)>> = vec![None; dots.len()];
    // Again, when all know where the others are.
    for _ in 0..4 {
        for (own, &dot) in dots.iter().enumerate() {
            // No font is at hand to measure: a little more than the widest of common ones takes.
            let width = texts[own].chars().count() as i32 * font_size * 9 / 20;
            let others = || (0..dots.len()).filter(|&at| at != own);
            let cost = |patch: &Patch, label: &Label| {
                let mut cost = label.distance(dot);
                for line in lines.iter().filter(|&&line| patch.is_crossed(line)) {
                    // Its own is the lesser evil: it shows whose name it is.
                    cost += if line.0 == dot { 60 } else { 150 };
                }
                for other in others() {
                    let near = Patch::around(dots[other], 16);
                    let on = Patch::around(dots[other], 8);
                    cost += 40 * u32::from(patch.meets(&near));
                    cost += 2_000 * u32::from(patch.meets(&on));
                    let leader = (dot, label.at);
                    let is_passed = !on.contains(dot) && on.is_crossed(leader);
                    cost += 100 * u32::from(is_passed);
                    if let Some((text, label)) = &placed[other] {
                        cost += 2_000 * u32::from(patch.meets(text));
                        cost += 100 * u32::from(patch.is_crossed((dots[other], label.at)));
                        cost += 100 * u32::from(text.is_crossed(leader));
                    }
                }
                cost
            };
            placed[own] = candidates(dot, width, font_size)
                .filter(|(patch, _)| within(patch))
                .min_by_key(|(patch, label)| cost(patch, label));
        }
    }
    let place = |placed: Option<(Patch, Label)>| placed.expect("bounds wider than a text").1;
    placed.into_iter().map(place).collect()
}

impl Label {
    pub(crate) fn distance(&self, dot: (i32, i32)) -> u32 {
        self.at.0.abs_diff(dot.0).max(self.at.1.abs_diff(dot.1))
    }
}

/// Rings of places around a dot, the near ones first.
fn candidates(dot: (i32, i32), width: i32, height: i32) -> impl Iterator<Item = (Patch, Label)> {
    let ways = (0..24).flat_map(|ring| (0..32).map(move |step| (11 + 8 * ring, step)));
    ways.flat_map(move |(distance, step)| {
        let angle = TAU * f64::from(step) / 32.0;
        let x = dot.0 + (f64::from(distance) * angle.cos()).round() as i32;
        let y = dot.1 + (f64::from(distance) * angle.sin()).round() as i32;
        let sides = [
            (HPos::Left, x),
            (HPos::Right, x - width),
            (HPos::Center, x - width / 2),
        ];
        sides.into_iter().filter_map(move |(side, left)| {
            let patch = Patch {
                left,
                right: left + width,
                top: y - height / 2,
                bottom: y + height / 2,
            };
            let label = Label { at: (x, y), side };
            (!patch.meets(&Patch::around(dot, 8))).then_some((patch, label))
        })
    })
}

#[derive(Clone, Copy)]
struct Patch {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl Patch {
    /// What is within so many pixels of a dot.
    fn around((x, y): (i32, i32), reach: i32) -> Self {
        Self {
            left: x - reach,
            right: x + reach,
            top: y - reach,
            bottom: y + reach,
        }
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn contains(&self, (x, y): (i32, i32)) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    fn is_crossed(&self, (from, to): Line) -> bool {
        (0..=40).any(|step| {
            let at = |from: i32, to: i32| from + (to - from) * step / 40;
            self.contains((at(from.0, to.0), at(from.1, to.1)))
        })
    }
}
