//! Packet loss concealment and time scaling.

use trunkline::{Concealer, conceal};

#[test]
fn without_loss_nothing_changes() {
    let mut concealer = Concealer::new();
    let voice = vowel(8_000, 140.0);
    for frame in voice.chunks(160) {
        let mut played = frame.to_vec();
        concealer.receive(&mut played);
        assert_eq!(played, frame);
    }
}

#[test]
fn a_vowel_goes_on_through_a_loss() {
    let mut concealer = Concealer::new();
    let voice = vowel(2_400, 140.0);
    let mut played = voice.clone();
    concealer.receive(&mut played[..1_600]);
    concealer.conceal(&mut played[1_600..1_760]);
    concealer.receive(&mut played[1_760..]);
    let error: f64 = (1_600..1_680)
        .map(|n| f64::from(played[n] - voice[n]).powi(2))
        .sum();
    let own: f64 = (1_600..1_680).map(|n| f64::from(voice[n]).powi(2)).sum();
    println!("{}", 10.0 * (own / error).log10());
    assert!(own > 10.0 * error);
}

#[test]
fn a_period_of_a_vowel_is_cut_and_inserted() {
    let voice = vowel(320, 100.0);
    let mut buffer = [0; 640];
    buffer[..320].copy_from_slice(&voice);
    assert_eq!(conceal::lengthen(&mut buffer, 320, 120), Some(80));
    let longer = vowel(400, 100.0);
    assert!(
        buffer[..400]
            .iter()
            .zip(&longer)
            .all(|(a, b)| (a - b).abs() <= 1)
    );
    assert_eq!(conceal::shorten(&mut buffer[..400], 120), Some(80));
    assert!(
        buffer[..320]
            .iter()
            .zip(&voice)
            .all(|(a, b)| (a - b).abs() <= 1)
    );
}

fn vowel(count: usize, hz: f64) -> Vec<i16> {
    let value = |n: usize| {
        let turn = std::f64::consts::TAU * hz * n as f64 / 8_000.0;
        (1..=12)
            .map(|k| (turn * f64::from(k)).cos() / f64::from(k * k).sqrt())
            .sum::<f64>()
            * 4_000.0
    };
    (0..count).map(|n| value(n) as i16).collect()
}
