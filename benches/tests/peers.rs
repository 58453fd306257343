//! That the comparison measures what it says: on filters whose figures are documented, and on one
//! that does not filter at all.

use trunkline_benches::peers::measure::{delay, levels};
use trunkline_benches::peers::{Direction, Linear, Resampler, Trunkline, resamplers};

#[test]
fn voice_measures_as_documented() {
    for (direction, rejection, delay_ms) in
        [(Direction::Up, 86.0, 2.21), (Direction::Down, 84.0, 2.13)]
    {
        let levels = levels(&mut Trunkline::voice(direction), direction);
        assert!(levels.mirrored_4600 < -rejection, "{direction}: {levels:?}");
        assert!(levels.mirrored_4000 > -20.0, "{direction}: {levels:?}");
        assert!(levels.gain_3400.abs() < 0.01, "{direction}: {levels:?}");

        let delay = delay(&mut Trunkline::voice(direction), direction);
        assert!(
            (delay.shift - delay_ms).abs() < 0.01,
            "{direction}: {delay:?}"
        );
        assert_eq!(delay.shift, delay.mean, "a frame in is a frame out");
        assert_eq!(delay.shift, delay.gapless, "a frame in is a frame out");
    }
}

#[test]
fn sharp_measures_as_documented() {
    for (direction, delay_ms) in [(Direction::Up, 3.96), (Direction::Down, 3.88)] {
        let levels = levels(&mut Trunkline::sharp(direction), direction);
        assert!(levels.mirrored_4000 < -84.0, "{direction}: {levels:?}");

        let delay = delay(&mut Trunkline::sharp(direction), direction);
        assert!(
            (delay.gapless - delay_ms).abs() < 0.01,
            "{direction}: {delay:?}"
        );
    }
}

#[test]
fn no_filter_rejects_nothing() {
    let levels = levels(&mut Linear::new(Direction::Down), Direction::Down);
    assert!(levels.mirrored_4000.abs() < 0.01, "{levels:?}");
    assert!(levels.mirrored_4600.abs() < 0.01, "{levels:?}");
}

#[test]
fn what_is_held_back_counts_as_delay() {
    /// A frame late, and three frames at a time.
    struct Bursts {
        inner: Trunkline,
        held: Vec<i16>,
        frames: usize,
    }

    impl Resampler for Bursts {
        fn name(&self) -> &str {
            "bursts"
        }

        fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
            self.frames += 1;
            let ready = if self.frames.is_multiple_of(3) {
                std::mem::take(&mut self.held)
            } else {
                Vec::new()
            };
            self.inner.process(src, &mut self.held);
            dst[..ready.len()].copy_from_slice(&ready);
            ready.len()
        }

        fn flush(&mut self, dst: &mut Vec<i16>) {
            dst.append(&mut self.held);
        }
    }

    let direction = Direction::Up;
    let delay = delay(
        &mut Bursts {
            inner: Trunkline::voice(direction),
            held: Vec::new(),
            frames: 0,
        },
        direction,
    );
    // The frames of a burst come 60, 40 and 20 ms late.
    assert!((delay.shift - 2.21).abs() < 0.01, "{delay:?}");
    assert!((delay.mean - delay.shift - 40.0).abs() < 0.1, "{delay:?}");
    assert!(
        (delay.gapless - delay.shift - 60.0).abs() < 0.1,
        "{delay:?}"
    );
}

#[test]
fn every_resampler_gives_the_duration_it_was_given() {
    for direction in Direction::BOTH {
        let frame = vec![1_000; direction.frame()];
        for mut resampler in resamplers(direction) {
            let mut output = Vec::new();
            for _ in 0..50 {
                resampler.process(&frame, &mut output);
            }
            resampler.flush(&mut output);
            let second = direction.to_hz() as usize;
            let name = resampler.name();
            assert!(
                (second - 2..second + second / 10).contains(&output.len()),
                "{name}, {direction}: {} samples of a second",
                output.len()
            );
            let steady = &output[second / 4..second * 3 / 4];
            assert!(
                steady.iter().all(|sample| (990..=1_010).contains(sample)),
                "{name}, {direction}: a constant stays one"
            );
        }
    }
}
