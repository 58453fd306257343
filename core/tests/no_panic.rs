//! No panic is left in the machine code of the hot paths: codecs, parsers, the jitter buffer,
//! concealment, the voice detector, the playback ledger.
//!
//! `no_panic/exports.rs` is built as a release library with everything of trunkline that it uses,
//! and taken apart with binutils: from each of its functions no function that panics may be
//! reachable, by call, by jump or by taking its address. What the optimiser has proven not to
//! happen is not in the code any more, so this is about every input there is.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

#[test]
fn no_panic_is_reachable_from_base64_and_the_readers_and_writers_of_messages() {
    assert_clean("text_", 15);
}

#[test]
fn no_panic_is_reachable_from_g711() {
    assert_clean("g711_", 6);
}

/// The kernels of the resamplers keep their bounds checks. All their indices follow from the filters'
/// constants, which the optimiser does not see; it can be spared all but the one in the inner loop of
/// AVX-512. Measured on Zen 4 as minima of interleaved runs of the eight filters, that costs 17 to
/// 46 % with AVX-512, −2 to 20 % with AVX2, and −2 to 4 % with SSE: a panic needs nothing of what is in
/// the registers, any other way to go on does. The state between calls has no panic.
#[test]
fn no_panic_is_reachable_from_the_resamplers_but_in_their_kernels() {
    let found = panics("filter_", 4);
    let elsewhere: Vec<_> = found
        .iter()
        .filter(|panic| !panic.starts_with("core/src/simd/fir.rs"))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

#[test]
fn no_panic_is_reachable_from_concealment_and_time_scaling() {
    assert_clean("gap_", 4);
}

#[test]
fn no_panic_is_reachable_from_the_jitter_buffer() {
    assert_clean("jitter_", 3);
}

#[test]
fn no_panic_is_reachable_from_the_voice_detector() {
    assert_clean("voice_", 1);
}

#[test]
fn no_panic_is_reachable_from_the_playback_ledger() {
    let mut found = panics("ledger_", 10);
    // Carries of `Duration` that the compiler made one of, which is of no line any more.
    found.retain(|panic| {
        !(panic.starts_with("core/src/playback/clock.rs:?") && panic.ends_with("expect_failed"))
    });
    assert!(found.is_empty(), "reachable panics: {found:#?}");
}

#[test]
fn panics_that_are_there_are_found() {
    let (library, code) = build();
    let cold: Vec<&str> = code.functions_named("cold_").collect();
    assert_eq!(cold.len(), 6, "{cold:?}");
    for root in cold {
        assert!(
            !code.panics_from(&[root]).is_empty(),
            "the panic in {root} is not found"
        );
    }
    assert!(!panics("cold_add", 1).is_empty(), "no carry of `Duration`");
    let place = source(library, code.panics_from(&["cold_index"])[0].0);
    assert!(place.contains("exports.rs:"), "{place}");
}

fn assert_clean(prefix: &str, count: usize) {
    let found = panics(prefix, count);
    assert!(found.is_empty(), "reachable panics: {found:#?}");
}

/// The panics reachable from the functions, at least `count`, whose names begin with `prefix`.
fn panics(prefix: &str, count: usize) -> BTreeSet<String> {
    let (library, code) = build();
    let hot: Vec<&str> = code.functions_named(prefix).collect();
    assert!(hot.len() >= count, "{hot:?}");
    code.panics_from(&hot)
        .iter()
        .filter(|(address, _)| !is_carry_of_duration(library, *address))
        .map(|(address, panic)| format!("{}: {}", source(library, *address), readable(panic)))
        .collect()
}

/// The library and what is in it, made once.
fn build() -> &'static (PathBuf, Code) {
    static BUILT: OnceLock<(PathBuf, Code)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let library = build_library();
        let code = Code::of(&library);
        (library, code)
    })
}

fn build_library() -> PathBuf {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_panic");
    let exports = core.join("tests/no_panic/exports.rs");
    fs::create_dir_all(&package).unwrap();
    // As the workspace's release profile has it, so that it is the shipped code.
    let manifest = format!(
        "[package]\nname = \"no-panic\"\nedition = \"2024\"\n[workspace]\n\
         [lib]\npath = {exports:?}\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\ntrunkline = {{ path = {core:?} }}\n\
         [profile.release]\nlto = \"thin\"\ncodegen-units = 1\npanic = \"unwind\"\n\
         debug = \"line-tables-only\"\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    // The versions that all else is tested with; they are on this machine already.
    fs::copy(core.join("../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let target = package.join("target");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--offline", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS"));
    target.join("release/libno_panic.so")
}

/// The functions of a library and what each refers to.
struct Code {
    references: HashMap<String, BTreeSet<(u64, String)>>,
}

impl Code {
    fn of(library: &Path) -> Self {
        let relocations = relocations(&run(Command::new("objdump").arg("-R").arg(library)));
        let listing = run(Command::new("objdump")
            .args(["-d", "--no-show-raw-insn"])
            .arg(library));
        let mut starts = HashMap::new();
        for line in listing.lines() {
            if let Some((address, name)) = header(line) {
                starts.insert(address, name.to_owned());
            }
        }
        let mut references: HashMap<String, BTreeSet<(u64, String)>> = HashMap::new();
        let mut current = None;
        for line in listing.lines() {
            if let Some((_, name)) = header(line) {
                current = Some(name.to_owned());
                references.entry(name.to_owned()).or_default();
                continue;
            }
            let Some(current) = &current else { continue };
            let Some(target) = target(line, &relocations, &starts) else {
                continue;
            };
            let address = line.trim_start().split(':').next();
            let address = address
                .and_then(|hex| u64::from_str_radix(hex, 16).ok())
                .unwrap_or(0);
            references
                .get_mut(current)
                .expect("it has its header")
                .insert((address, target));
        }
        assert!(references.len() > 100, "{} functions", references.len());
        Self { references }
    }

    fn functions_named(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.references
            .keys()
            .map(String::as_str)
            .filter(move |name| name.starts_with(prefix))
    }

    /// Where, in functions reachable from `roots`, one that panics is referred to.
    fn panics_from(&self, roots: &[&str]) -> Vec<(u64, String)> {
        let mut seen: BTreeSet<&str> = roots.iter().copied().collect();
        let mut open = roots.to_vec();
        let mut found = Vec::new();
        while let Some(function) = open.pop() {
            for (address, target) in self.references.get(function).into_iter().flatten() {
                if is_panic(target) {
                    found.push((*address, target.clone()));
                } else if !is_trusted(target) && seen.insert(target) {
                    open.push(target);
                }
            }
        }
        found
    }
}

/// The address and name of `0000000000001000 <name>:`.
fn header(line: &str) -> Option<(u64, &str)> {
    let (address, name) = line.split_once(" <")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    Some((address, name.strip_suffix(">:")?))
}

/// Where each relocated word points: an address in the library or a name outside it.
fn relocations(listing: &str) -> HashMap<u64, Pointer> {
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let at = u64::from_str_radix(words.next()?, 16).ok()?;
        let value = words.nth(1)?;
        let pointer = match value.strip_prefix("*ABS*+0x") {
            Some(address) => Pointer::To(u64::from_str_radix(address, 16).ok()?),
            None => Pointer::Named(value.to_owned()),
        };
        Some((at, pointer))
    };
    listing.lines().filter_map(entry).collect()
}

enum Pointer {
    To(u64),
    Named(String),
}

/// What an instruction refers to, if it is a function: `call 1000 <name>`, `lea … # 1000 <name>`,
/// or a word of the table of addresses, `call *0x10(%rip) # 2000 <table+0x8>`.
fn target(
    line: &str,
    relocations: &HashMap<u64, Pointer>,
    starts: &HashMap<u64, String>,
) -> Option<String> {
    let (before, name) = line.strip_suffix('>')?.rsplit_once(" <")?;
    let address = before.rsplit(|c: char| !c.is_ascii_hexdigit()).next()?;
    let address = u64::from_str_radix(address, 16).ok()?;
    match relocations.get(&address) {
        Some(Pointer::To(address)) => starts.get(address).cloned(),
        Some(Pointer::Named(name)) => Some(name.clone()),
        // A jump within a function is told as its name and an offset.
        None => Some(name.split("+0x").next().unwrap_or(name).to_owned()),
    }
}

/// Everything in `core` and `std` that ends in a panic, by a part of its name.
fn is_panic(name: &str) -> bool {
    let parts = [
        "9panicking",
        "unwrap_failed",
        "expect_failed",
        "slice_index_fail",
        "slice_start_index",
        "slice_end_index",
        "slice_index_order",
        "slice_error_fail",
        "len_mismatch_fail",
        "panic_already",
        "panic_nounwind",
        "rust_panic",
        "begin_panic",
        "handle_alloc_error",
        "capacity_overflow",
    ];
    parts.iter().any(|part| name.contains(part))
}

/// What is taken on trust, because it is the standard library's own and on no hot path: the lock
/// under which the processor is asked once what it can do, and the printing of numbers.
fn is_trusted(name: &str) -> bool {
    [
        "4sync4once",
        "4core3fmt",
        "4core3num7flt2dec",
        "4core3num6bignum",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// What else is taken on trust: `Duration`'s checked and saturating arithmetic ends in
/// `Duration::new`, which would panic for a second's worth of nanoseconds at the end of time. They
/// never hand it that many. A plain `+` has a panic of its own, which is found.
fn is_carry_of_duration(library: &Path, address: u64) -> bool {
    let lines = run(Command::new("addr2line")
        .args(["-f", "-i", "-e"])
        .arg(library)
        .arg(format!("{address:#x}")));
    // A function and its place by turns, the innermost first.
    let lines: Vec<&str> = lines.lines().collect();
    let (frames, _) = lines.as_chunks::<2>();
    let of_duration = |place: &str| place.contains("library/core/src/time.rs");
    frames.windows(2).any(|calls| {
        let ([inner, inner_place], [outer, outer_place]) = (calls[0], calls[1]);
        inner == "new"
            && outer.starts_with("checked_")
            && of_duration(inner_place)
            && of_duration(outer_place)
    })
}

/// The line of our own source that an instruction comes from.
fn source(library: &Path, address: u64) -> String {
    let lines = run(Command::new("addr2line")
        .args(["-i", "-e"])
        .arg(library)
        .arg(format!("{address:#x}")));
    let own = lines
        .lines()
        .find(|line| line.contains(env!("CARGO_MANIFEST_DIR")));
    let line = own.or(lines.lines().next()).unwrap_or("?");
    line.split(" (discriminator")
        .next()
        .unwrap_or(line)
        .replace(env!("CARGO_MANIFEST_DIR"), "core")
}

fn readable(name: &str) -> String {
    run(Command::new("c++filt").arg(name)).trim().to_owned()
}

/// Runs a tool and returns what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; objdump, addr2line and c++filt are in the package binutils")
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("tools print UTF-8")
}
