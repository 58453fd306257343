//! How near a build for any x86-64 comes to one for this machine alone, on each hot path.
//!
//! `make native` builds this program both ways. Without arguments it times the paths once; with
//! those of two builds it runs them by turns, so that whatever else the machine does falls on both,
//! and writes `benches/report/native.md`.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use trunkline_paths::{BUILT, DETECTED, path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => measure(),
        [baseline, native] => compare([baseline, native])?,
        _ => return Err("usage: native [BASELINE NATIVE]".into()),
    }
    Ok(())
}

/// Prints each path with the nanoseconds of a step in each of the batches.
fn measure() {
    for name in names() {
        let mut step = path(name, BATCHES * STEPS);
        let mut batch = || {
            let start = Instant::now();
            for _ in 0..STEPS {
                step();
            }
            start.elapsed()
        };
        print!("{name}");
        for _ in 0..BATCHES {
            print!(" {:.3}", batch().as_nanos() as f64 / STEPS as f64);
        }
        println!();
    }
}

fn compare(builds: [&str; 2]) -> Result<(), Box<dyn Error>> {
    let mut times: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < LENGTH {
        // Whichever comes second finds the machine warmer.
        let order = if rounds % 2 == 0 { [0, 1] } else { [1, 0] };
        for build in order {
            let output = Command::new(builds[build]).output()?;
            for line in String::from_utf8(output.stdout)?.lines() {
                let mut words = line.split(' ');
                let name = words.next().ok_or("a name")?;
                let [baseline, native] = times.entry(name.to_owned()).or_default();
                let times = if build == 0 { baseline } else { native };
                for word in words {
                    times.push(word.parse()?);
                }
            }
        }
        rounds += 1;
    }

    let mut report = format!(
        "# A build for any x86-64 beside one for this machine\n\n\
         Nanoseconds per 20 ms, or per buffer of base64, of the same program built as it is shipped \
         and with `-C target-cpu=native`: {rounds} runs of each by turns, of {BATCHES} batches of \
         {STEPS} steps. Above {LIMIT:.2} in both ratios is bold. On {cpu}, {rustc}. Made by \
         `make native`.\n\n\
         | path | baseline, minimum | native, minimum | ratio | baseline, median | native, median | ratio |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        cpu = cpu(),
        rustc = rustc(),
    );
    let mut over = Vec::new();
    for name in names() {
        let [baseline, native] = times.get_mut(name).ok_or(name)?;
        let (low, low_native) = (quantile(baseline, 0.0), quantile(native, 0.0));
        let (middle, middle_native) = (quantile(baseline, 0.5), quantile(native, 0.5));
        let (by_low, by_middle) = (low / low_native, middle / middle_native);
        let bold = if by_low.min(by_middle) > LIMIT {
            over.push(name);
            "**"
        } else {
            ""
        };
        writeln!(
            report,
            "| `{name}` | {low:.1} | {low_native:.1} | {bold}{by_low:.2}{bold} \
             | {middle:.1} | {middle_native:.1} | {bold}{by_middle:.2}{bold} |"
        )?;
    }
    let total = names().count();
    writeln!(
        report,
        "\n{} of {total} paths are within {LIMIT:.2}.",
        total - over.len()
    )?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../report/native.md");
    fs::write(file, &report)?;
    println!("{report}");
    if !over.is_empty() {
        println!("over {LIMIT:.2}: {}", over.join(", "));
    }
    Ok(())
}

fn names() -> impl Iterator<Item = &'static str> {
    DETECTED.into_iter().chain(BUILT)
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part) as usize]
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown processor", |rest| {
        rest.trim_start_matches(['\t', ':', ' '])
    });
    let avx512 = if info.contains(" avx512vbmi ") {
        " with AVX-512"
    } else {
        ""
    };
    format!("{model}{avx512}")
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    version.unwrap_or_else(|_| "an unknown rustc".to_owned())
}

/// Steps timed in one go, for the clock to be no part of it.
const STEPS: usize = 200;

const BATCHES: usize = 20;

/// How long both builds run together.
const LENGTH: Duration = Duration::from_secs(60);

/// What a baseline build may cost.
const LIMIT: f64 = 1.10;
