//! The table in the documentation of `trunkline::jitter`.

use crate::{
    player::{Played, Talk, delays, play},
    traces::{
        PHASE, clean, drift, duplicated, fade_and_return, jitter, jumped, outage, reordered, stalls,
    },
};

fn row(name: &str, played: &Played, last: &str) {
    let stats = played.jitter.stats();
    let (mean, most) = delays(&played.pulls);
    let percent = stats.concealed_samples as f64 / stats.out_samples as f64 * 100.0;
    tell(&format!(
        "//! | {name} | {percent:.2} % | {mean:.0} / {most:.0} ms | {} | {} | {} | {last} |",
        stats.late_samples / 8,
        stats.lost_samples / 8,
        stats.cut_samples / 8,
    ));
}

/// Prints a row, which has to be in the documentation as it is here.
fn tell(row: &str) {
    println!("{row}");
    let docs = include_str!("../../src/jitter.rs");
    assert!(docs.contains(row), "not in the documentation: {row}");
}

/// Prints it: `cargo test -p trunkline --test jitter figures -- --nocapture`.
#[test]
fn the_figures_of_every_trace_are_those_documented() {
    println!(
        "//! | trace | concealed | delay, mean / most | late ms | lost ms | cut ms | besides |"
    );
    println!("//! |---|---|---|---|---|---|---|");
    let talk = Talk::new(1, 60);
    let run = |packets: &[_]| play(&talk, packets, PHASE);
    row("clean", &run(&clean(&talk)), "");
    let stalled = run(&stalls(&talk, 20));
    let (_, most) = delays(stalled.between(28.2, 60.0));
    let learnt = stalled.concealed_between(4.5, 60.0) / 8;
    let last = format!(
        "{learnt} ms concealed from the third stall on; ≤ {most:.0} ms from 10 s after the last"
    );
    row("200 ms stall every 2 s for 20 s", &stalled, &last);
    row("jitter 0–60 ms", &run(&jitter(&talk, 1, false)), "");
    row(
        "jitter 0–60 ms, in order",
        &run(&jitter(&talk, 1, true)),
        "",
    );
    row("5 % reordered by 1–3", &run(&reordered(&talk, 1)), "");
    let without = run(&clean(&talk));
    let same = |played: &Played| match played.audio == without.audio {
        true => "bytes as without",
        false => "other bytes than without",
    };
    let twice = run(&duplicated(&talk, 1));
    row("5 % duplicated", &twice, same(&twice));
    let mut wrapping = clean(&talk);
    for packet in &mut wrapping {
        packet.timestamp = packet.timestamp.wrapping_sub(80_000);
    }
    let wrapped = run(&wrapping);
    row("time stamps wrap around", &wrapped, same(&wrapped));
    for (name, by) in [("+1 h", 28_800_000), ("−1 h", -28_800_000)] {
        let played = run(&jumped(&talk, 10, by));
        let gap = played.concealed_between(9.9, 60.0) / 8;
        row(
            &format!("jump by {name}"),
            &played,
            &format!("speech back after {gap} ms"),
        );
    }
    for (name, is_lost) in [("lost", true), ("held up", false)] {
        let played = run(&outage(&talk, is_lost));
        let (fade, back) = fade_and_return(&played);
        let last = format!("silent after {fade:.0} ms, speech back after {back:.0} ms");
        row(&format!("5 s outage, {name}"), &played, &last);
    }
    for ppm in [100, -100] {
        let (jitter, worst) = drift(ppm);
        let stats = jitter.stats();
        let percent = stats.concealed_samples as f64 / stats.out_samples as f64 * 100.0;
        tell(&format!(
            "//! | {ppm:+} ppm for 24 h | {percent:.3} % | | {} | {} | {} | ≤ {worst:.0} ms from target |",
            stats.late_samples / 8,
            stats.lost_samples / 8,
            stats.cut_samples / 8,
        ));
    }
}
