//! The report on sound is of the sound that the code makes, and says what is promised.

use trunkline_benches::sound::{checksum, own_methods, recordings};

#[test]
fn the_scored_bits_are_those_of_this_code() {
    let recordings = recordings().expect("the files of the repository");
    assert_eq!(recordings.len(), 13);
    for number in 0..2 {
        let method = || own_methods().into_iter().nth(number).expect("two methods");
        let name = method().name;
        let line = format!("| {name} | `{:016x}` |", checksum(&recordings, method));
        assert!(
            REPORT.lines().any(|each| each == line),
            "the sound of {name} is not the one that was scored: run `make listen`\n{line}"
        );
    }
}

#[test]
fn no_peer_scores_higher() {
    let rows = scores();
    let [ideal, voice, sharp, peers @ ..] = rows.as_slice() else {
        panic!("too short a table: {rows:?}");
    };
    assert_eq!(ideal.0, "ideal");
    assert_eq!(
        [voice.0, sharp.0],
        own_methods().each_ref().map(|method| method.name.as_str())
    );
    for soft in [
        "rubato FFT",
        "soxr VHQ",
        "speexdsp 10",
        "libsamplerate best",
    ] {
        assert!(peers.iter().any(|peer| peer.0 == soft), "{soft} is missing");
    }
    for (name, own) in [voice, sharp] {
        assert!(own[0] >= 4.2, "{name}: {}", own[0]);
        for (peer, theirs) in peers {
            for (own, theirs) in own.iter().zip(theirs) {
                assert!(own + TIE >= *theirs, "{name}: {own}, {peer}: {theirs}");
            }
        }
    }
}

/// Rows of the report's main table: a name, and the mean score of each condition, a phone's first.
fn scores() -> Vec<(&'static str, [f64; 4])> {
    let rows = REPORT
        .lines()
        .skip_while(|line| !line.starts_with("| mean PESQ"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let mean = |cell: &str| {
            let (mean, _) = cell.split_once(' ').expect("mean and worst");
            mean.parse().expect("a score")
        };
        (cells[1], [3, 4, 5, 6].map(|column| mean(cells[column])))
    })
    .collect()
}

const REPORT: &str = include_str!("../report/sound.md");

/// The report says why.
const TIE: f64 = 0.01;
