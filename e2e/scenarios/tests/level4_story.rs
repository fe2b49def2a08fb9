//! The demo's story as a test, two people, a crash, a search, a scrape, and after it what the demo has no time for: the
//! relay killed under load, and its volume lost. With `WICKR_KEEP` in the environment the cluster is left as it is.

mod story;

use anyhow::Context as _;
use wickr_cluster::progress::step;
use wickr_scenarios::faults;
use wickr_scenarios::story::Cast;
use wickr_scenarios::suite::Suite;

/// Not the demo's, which somebody may be looking at.
const CLUSTER: &str = "story";

#[test]
fn people_talk_through_crashes_and_losses_and_the_relay_learns_nothing() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let outcome = Suite::play(CLUSTER, |suite| {
        suite.apply_demo()?;
        step("network and provider Ready", || suite.until_ready())?;
        step("the demo's story", || {
            let mut cast = Cast::meet(suite)?;
            cast.talk_both_ways()?;
            cast.lose_the_relay()?;
            cast.search_what_the_relay_saw()?;
            cast.scrape()
        })?;
        let runtime = &suite.runtime;
        let mut crowd = step("four devices sign in", || runtime.block_on(story::Crowd::gather(suite)))?;
        let kills = faults::tries(3);
        step(&format!("the relay killed {kills} times under load"), || {
            runtime.block_on(crowd.writes_while_the_relay_is_killed(kills))
        })?;
        step("the relay's volume lost and restored", || {
            runtime.block_on(crowd.goes_on_after_the_relay_lost_its_volume())
        })
    });
    outcome.context("the story").unwrap();
}
