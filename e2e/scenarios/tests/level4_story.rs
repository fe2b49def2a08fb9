//! The demo's story as a test: two people, a crash, a search, a scrape.

use std::time::Duration;

use wickr_scenarios::faults;
use wickr_scenarios::story::Cast;
use wickr_scenarios::suite::Suite;

#[test]
fn two_people_talk_through_crashes_and_the_relay_learns_nothing() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let suite = Suite::up("demo").unwrap();
    suite.apply_demo().unwrap();
    suite.until_ready().unwrap();
    let mut cast = Cast::meet(&suite).unwrap();
    cast.talk_both_ways().unwrap();
    cast.lose_the_relay().unwrap();
    cast.talk_while_the_relay_is_killed(faults::tries(3), Duration::from_secs(90)).unwrap();
    cast.search_what_the_relay_saw().unwrap();
    cast.scrape().unwrap();
    drop(cast);
    Suite::down("demo").unwrap();
}
