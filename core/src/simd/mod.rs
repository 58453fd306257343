//! The one place that turns a `Level` into a kernel call.

pub(crate) mod scan;
