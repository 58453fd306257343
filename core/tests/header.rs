//! `include/trunkline.h` is what cbindgen makes of `src/capi`; `make header` writes it anew.
#![cfg(feature = "capi")]

use std::{env, ffi::CStr, fs, path::Path};

use cbindgen::{Builder, Config};
use trunkline::capi;

const VERSION: [(&str, &str); 3] = [
    ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
    ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
    ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
];

#[test]
fn the_header_is_that_of_the_source() {
    let made = generate();
    let path = core_dir().join("../include/trunkline.h");
    if env::var_os("TRUNKLINE_WRITE_HEADER").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    let line = made
        .lines()
        .zip(committed.lines())
        .position(|(made, committed)| made != committed);
    assert!(
        made == committed,
        "include/trunkline.h differs from the source, first in line {:?}: run `make header`",
        line.map(|index| index + 1)
    );
}

#[test]
fn the_header_the_crate_and_the_library_have_one_version() {
    let header = fs::read_to_string(core_dir().join("../include/trunkline.h")).unwrap();
    for (part, number) in VERSION {
        let macro_line = format!("\n#define TRUNKLINE_VERSION_{part} {number}\n");
        assert_eq!(header.matches(&macro_line).count(), 1, "{part}");
    }
    // SAFETY: the string is static and ends with a NUL.
    let version = unsafe { CStr::from_ptr(capi::trunkline_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}

/// The version comes from the crate and the text at the top from the module's, and neither is
/// something cbindgen reads.
fn generate() -> String {
    let module = fs::read_to_string(core_dir().join("src/capi/mod.rs")).unwrap();
    let docs = module
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| format!("//{line}\n"))
        .collect::<String>();
    let version = VERSION.map(|(part, number)| {
        format!("// Of this header; the library that is linked has `trunkline_version`.\n#define TRUNKLINE_VERSION_{part} {number}\n")
    });
    let mut config = Config::from_file(core_dir().join("cbindgen.toml")).unwrap();
    config.header = Some(docs.trim_end().to_owned());
    config.after_includes = Some(format!("\n{}", version.concat()));
    let mut header = Vec::new();
    let source = core_dir().join("src/capi/mod.rs");
    let bindings = Builder::new()
        .with_config(config)
        .with_src(source)
        .generate();
    bindings.unwrap().write(&mut header);
    // What Rust asks to be a heading is one sentence more in C.
    String::from_utf8(header)
        .unwrap()
        .replace("// # Safety\n", "")
}

fn core_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
