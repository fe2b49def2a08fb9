//! The demo's story and what the level 3 and 4 tests share: people, a browser, a tap, searches, faults.

pub mod browser;
pub mod frames;
pub mod search;
pub mod tap;
