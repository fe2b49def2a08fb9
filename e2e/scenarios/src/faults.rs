//! How long and how often faults are tried: `cargo xtask test --full` sets the figures, alone a test takes the short ones.

use std::str::FromStr;
use std::time::Duration;

use wickr_base::Lifetime;

/// How often: `WICKR_TRIES` if it is set, else `usual`.
pub fn tries(usual: u64) -> u64 {
    given("WICKR_TRIES").unwrap_or(usual)
}

/// How long: `WICKR_FOR` (such as `10m`) if it is set, else `usual`.
pub fn lasting(usual: Duration) -> Duration {
    given::<Lifetime>("WICKR_FOR").map_or(usual, Lifetime::get)
}

/// Whether what is tried all at once is tried one by one too: `WICKR_EACH_ALONE`.
pub fn each_alone() -> bool {
    std::env::var_os("WICKR_EACH_ALONE").is_some()
}

fn given<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}
