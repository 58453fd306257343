#![no_main]

use trunkline_fuzz::resampler::{Script, run};

libfuzzer_sys::fuzz_target!(|script: Script<'_>| run(&script));
