#![no_main]

use trunkline_fuzz::jitter::{Script, run};

libfuzzer_sys::fuzz_target!(|script: Script| run(&script));
