//! Behaviour of the parts together.
