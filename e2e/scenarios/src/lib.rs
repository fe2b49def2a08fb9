//! The demo's story and what the level 3 and 4 tests share: people, a browser, a tap, searches, faults.

pub mod alerting;
pub mod browser;
pub mod device;
mod discovery;
pub mod faults;
pub mod forward;
pub mod frames;
pub mod ground;
pub mod handbook;
pub mod kubernetes;
pub mod leader;
pub mod monitoring;
pub mod numbers;
pub mod people;
pub mod programs;
pub mod samples;
pub mod search;
pub mod story;
pub mod suite;
pub mod tap;
pub mod watch;
