use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;

/// Bytes of audio from which other threads may run meanwhile, by `make gil-python`. Giving the
/// interpreter up takes 17 ns more alone, and makes two threads that work at once 20 % slower on a
/// phone's frame of 160, 4 % at 64 KiB, and no more from here on; so much keeps it for 6 µs of μ-law or
/// 80 µs of resampling. Beside a thread that is busy with Python, a call that gives it up takes half as
/// long again, whatever its size.
const DETACH_LEN: usize = 256 << 10;

/// Does `work` on `len` bytes of audio, without the interpreter if they are many.
#[inline]
pub(crate) fn run<T: Send>(py: Python<'_>, len: usize, work: impl FnOnce() -> T + Send) -> T {
    if len < DETACH_LEN {
        work()
    } else {
        py.detach(work)
    }
}

/// Waits its turn for `state`, without the interpreter if it has to.
pub(crate) fn lock<'a, T>(py: Python<'_>, state: &'a Mutex<T>) -> MutexGuard<'a, T> {
    // Should a call have panicked: state is as the core left it, which promises no more, nor less.
    state
        .lock_py_attached(py)
        .unwrap_or_else(PoisonError::into_inner)
}
