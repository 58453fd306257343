#![no_main]

use trunkline_fuzz::bridge::{Script, run};

libfuzzer_sys::fuzz_target!(|script: Script<'_>| run(&script));
