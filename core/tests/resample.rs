//! Resampling: streaming contract (chunk invariance, counts, flush) and frequency response.

use trunkline::resample::{Profile, Resampler};
use trunkline::{Downsampler, Error, Upsampler};

#[test]
fn a_frame_in_is_a_frame_out_from_the_first_on() {
    let mut up = Upsampler::new();
    let mut down = Downsampler::new();
    let mut wide = [0; 480];
    let mut narrow = [0; 160];
    for _ in 0..10 {
        assert_eq!(up.process(&[1_000; 160], &mut wide), Ok(480));
        assert_eq!(down.process(&wide, &mut narrow), Ok(160));
    }
    assert_eq!(wide, [1_000; 480]);
    assert_eq!(narrow, [1_000; 160]);
}
