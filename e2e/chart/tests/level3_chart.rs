//! The chart by real Helm, its rules by real promtool, both on a real API server: no pods are needed for any of it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod chart;
