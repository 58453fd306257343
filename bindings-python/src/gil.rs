use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;

/// Bytes of audio from which it pays to let other threads run meanwhile. Giving the interpreter up
/// and getting it back costs 50 ns alone, and waits for a switch interval (5 ms) beside a busy thread;
/// so much audio takes as long as a few of these switches. A phone's frame has 160.
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
