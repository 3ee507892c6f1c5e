//! Contract monitor.
