//! A file for each thing that is shown of the chart.

mod lifecycle;
mod monitoring;
mod promtool;
mod rendering;
mod restricted;
mod schema;
