//! trunkline and the libraries that do the same work, side by side in one run.
//!
//! `make compare` writes `peers.md`, `peers.svg` and `peers-delay.svg` to `benches/report/`.

use std::error::Error;
use std::fs;
use std::path::Path;

use trunkline_benches::peers::Direction;

use crate::resample::compare;

mod clock;
mod codecs;
mod labels;
mod plot;
mod report;
mod resample;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("report");
    let comparisons = Direction::BOTH.map(|direction| {
        println!("resampling {direction}");
        compare(direction)
    });
    println!("JSON, base64, G.711");
    let text = report::text(&comparisons);

    fs::create_dir_all(&folder)?;
    plot::draw(&plot::REJECTION, &comparisons, &folder)?;
    plot::draw(&plot::DELAY, &comparisons, &folder)?;
    fs::write(folder.join("peers.md"), text)?;
    println!("benches/report/peers.md");
    Ok(())
}
