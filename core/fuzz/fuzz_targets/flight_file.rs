#![no_main]

use trunkline_fuzz::flight::{File, flight_file};

libfuzzer_sys::fuzz_target!(|file: File<'_>| flight_file(&file));
