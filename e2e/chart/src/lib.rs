//! The chart as Helm renders it (`render`), its alerts as they stand in the chart (`rules`), and which pods a PodMonitor
//! has scraped (`scrape`). Its tests: rendering, schema, upgrades, alerts.

mod render;
mod rules;
mod scrape;

pub use render::{MONITORING_API, Rendering, chart, objects, repository};
pub use rules::{Alert, Group, groups};
pub use scrape::{Target, targets};
