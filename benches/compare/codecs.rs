//! Everything but resampling: JSON, base64 and G.711.

use crate::clock::{Contestant, race};
use crate::report::Table;

mod base64;
mod g711;
mod json;

pub(crate) use self::base64::tables as base64_tables;
pub(crate) use self::g711::{differences, tables as g711_tables};
pub(crate) use self::json::table as json_table;

/// A row for each library, trunkline's first, and a column for each race of all of them.
fn table<'a>(
    title: &str,
    columns: impl IntoIterator<Item = (String, Vec<Contestant<'a>>)>,
) -> Table {
    let mut heading = vec![title.to_owned()];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, mut contestants) in columns {
        heading.push(name);
        rows.resize(contestants.len(), Vec::new());
        let times = race(&mut contestants, 1);
        let ours = times[0].median;
        for ((row, contestant), time) in rows.iter_mut().zip(contestants).zip(&times) {
            if row.is_empty() {
                row.push(contestant.name);
            }
            let ratio = time.median / ours;
            row.push(format!("{} ({ratio:.1}×)", nanoseconds(time.median)));
        }
    }
    Table { heading, rows }
}

pub(crate) fn nanoseconds(time: f64) -> String {
    match time {
        ..99.95 => format!("{time:.1} ns"),
        ..999.5 => format!("{time:.0} ns"),
        ..9_995.0 => format!("{:.2} µs", time / 1e3),
        _ => format!("{:.1} µs", time / 1e3),
    }
}
