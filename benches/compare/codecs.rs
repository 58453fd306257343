//! Everything but resampling: JSON, base64 and G.711.

use crate::clock::{Contestant, race};
use crate::report::Table;

mod base64;
mod g711;
mod json;

pub(crate) use self::base64::tables as base64_tables;
pub(crate) use self::g711::{differences, tables as g711_tables};
pub(crate) use self::json::tables as json_tables;

/// Times `contestants`, of which the first is trunkline.
fn table(title: impl Into<String>, mut contestants: Vec<Contestant<'_>>) -> Table {
    let times = race(&mut contestants, 1);
    let ours = times[0].median;
    let rows = contestants
        .into_iter()
        .zip(times)
        .map(|(contestant, time)| {
            vec![
                contestant.name,
                nanoseconds(time.median),
                nanoseconds(time.min),
                format!("{:.1}×", time.median / ours),
            ]
        })
        .collect();
    Table {
        heading: vec![
            title.into(),
            "median".into(),
            "least".into(),
            "ratio".into(),
        ],
        rows,
    }
}

pub(crate) fn nanoseconds(time: f64) -> String {
    if time < 100.0 {
        format!("{time:.1} ns")
    } else if time < 9_999.5 {
        format!("{time:.0} ns")
    } else {
        format!("{:.1} µs", time / 1e3)
    }
}
