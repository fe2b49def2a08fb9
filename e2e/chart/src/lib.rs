//! The chart as Helm renders it (`render`), and its alerts as they stand in the chart (`rules`).
//! Its tests: rendering, schema, upgrades, alerts.

mod render;
mod rules;

pub use render::{MONITORING_API, Rendering, chart, objects, repository};
pub use rules::{Alert, Group, groups};
