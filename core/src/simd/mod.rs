//! The one place that turns a [`Level`] into a kernel call.
//!
//! A kernel is written once over `fearless_simd`'s vector types, next to a scalar twin that says
//! what it computes. The twin serves [`Level`]s without vectors and is what the tests compare every
//! other level with. Types with state detect their level when they are made and keep it; functions
//! without state ask `detect` once per call.

#![cfg_attr(
    not(feature = "internal"),
    allow(unreachable_pub, reason = "public under `internal` only")
)]

pub use fearless_simd::Level;

pub mod base64;
pub(crate) mod fir;
pub mod g711;
pub mod scan;
pub mod text;
#[cfg(target_arch = "x86_64")]
mod vbmi;

/// The best level of this machine; without `std`, the best one the build may rely on.
pub(crate) fn detect() -> Level {
    // `try_detect` caches; only its first call asks the CPU, which is slow on virtual machines.
    Level::try_detect().unwrap_or(Level::baseline())
}

/// The instruction set that the kernels run with on this machine: `"AVX-512"`, `"AVX2"`, `"SSE4.2"`,
/// `"SSE2"`, `"NEON"`, `"SIMD128"` (WebAssembly) or `"scalar"`. All give the same bits.
pub fn instruction_set() -> &'static str {
    let level = detect();
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let best = match () {
        () if level.as_avx512().is_some() => "AVX-512",
        () if level.as_avx2().is_some() => "AVX2",
        () if level.as_sse4_2().is_some() => "SSE4.2",
        () => "SSE2",
    };
    #[cfg(target_arch = "aarch64")]
    let best = "NEON";
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let best = "SIMD128";
    if level.is_fallback() { "scalar" } else { best }
}

/// A buffer that begins where a line of the cache does, so that the widest vectors in it cross none.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Aligned<T>(pub(crate) T);

/// Whether bytes can be shuffled by index. SSE2 cannot: emulated byte by byte, it costs more than
/// scalar code.
fn has_shuffle(level: Level) -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return level.as_sse4_2().is_some();
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    return !level.is_fallback();
}

/// Every level this machine can run, scalar first.
#[cfg(any(test, feature = "internal"))]
#[allow(
    dead_code,
    reason = "under `internal` its users are benches outside the crate"
)]
pub fn levels() -> impl Iterator<Item = Level> {
    let best = detect();
    let mut levels = [None; 5];
    levels[0] = Some(Level::fallback());
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        use fearless_simd::Simd;

        levels[1] = best.as_sse2().map(Simd::level);
        levels[2] = best.as_sse4_2().map(Simd::level);
        levels[3] = best.as_avx2().map(Simd::level);
        levels[4] = best.as_avx512().map(Simd::level);
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    {
        levels[1] = (!best.is_fallback()).then_some(best);
    }
    levels.into_iter().flatten()
}

#[cfg(test)]
mod tests;
