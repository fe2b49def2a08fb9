//! The demo's story as a test, two people, a crash, a search, a scrape, and after it what the demo has no time for: the
//! relay killed under load, its keys replaced, and its volume lost. With `WICKR_KEEP` in the environment the cluster is left as it is.
//! The demo's part once more as it is played on a cluster that is there already: only by that one's kubeconfig and a
//! registry, on one made for the purpose, or on whichever `cargo xtask test --kubeconfig --registry` names.

mod story;

use anyhow::{Context as _, Result, ensure};
use wickr_cluster::progress::{say, step};
use wickr_cluster::{Cluster, HOST, Options, Registry, Teardown};
use wickr_scenarios::faults;
use wickr_scenarios::ground::{Existing, Given};
use wickr_scenarios::story::Cast;
use wickr_scenarios::suite::{NETWORK, SYSTEM, Suite};

/// Not the demo's, which somebody may be looking at.
const CLUSTER: &str = "story";
const EXISTING: &str = "existing";
const REGISTRY_PORT: u16 = 5000;

#[test]
fn people_talk_through_crashes_and_losses_and_the_relay_learns_nothing() {
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = Suite::play(CLUSTER, |suite| {
        suite.apply_demo()?;
        step("network and provider Ready", || suite.until_ready())?;
        step("the demo's story", || tell(suite))?;
        let runtime = &suite.runtime;
        let mut crowd = step("four devices sign in", || runtime.block_on(story::Crowd::gather(suite)))?;
        let kills = faults::tries(3);
        step(&format!("the relay killed {kills} times under load"), || {
            runtime.block_on(crowd.writes_while_the_relay_is_killed(kills))
        })?;
        step("keys replaced under load, the operator killed in every phase", || {
            runtime.block_on(crowd.writes_while_keys_are_replaced())
        })?;
        step("the relay's volume lost and restored", || {
            runtime.block_on(crowd.goes_on_after_the_relay_lost_its_volume())
        })
    });
    outcome.context("the story").unwrap();
}

#[test]
fn the_demo_is_played_on_a_cluster_that_is_there_already_and_removed_from_it() {
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = match Existing::from_environment().ground().unwrap() {
        Some(given) => play_on(&given),
        None => on_one_made_for_it(),
    };
    outcome.context("a cluster that is there already").unwrap();
}

fn on_one_made_for_it() -> Result<()> {
    let registry = Registry::up("existing-registry", (HOST, REGISTRY_PORT).into())?.tied()?;
    let cluster = Teardown(Cluster::up(EXISTING, &Options::default())?);
    cluster.0.pull_plainly_from(registry.address())?;
    let existing = Existing::new(cluster.0.kubeconfig(), format!("http://{}", registry.address()));
    play_on(&existing.ground()?.context("no cluster is named")?)
}

fn play_on(given: &Given) -> Result<()> {
    let played = Suite::up_on(given).and_then(|suite| {
        suite.apply_demo()?;
        step("network and provider Ready", || suite.until_ready())?;
        step("the demo's story", || tell(&suite))?;
        ensure!(Suite::up_on(given).is_ok(), "what is there from the demo is no obstacle to it");
        Ok(suite)
    });
    let removed = step("all of it removed", || Suite::down_from(given));
    let suite = played?;
    removed?;
    for namespace in [NETWORK.namespace, SYSTEM] {
        let left = suite.kubernetes.get("default", "namespace", namespace)?;
        ensure!(left.is_none(), "namespace {namespace} is left");
    }
    suite.kubernetes.run(&["create", "namespace", SYSTEM])?;
    let refusal = Suite::up_on(given).err().context("a namespace of somebody else's was taken")?;
    ensure!(refusal.to_string().contains("has a namespace wickr-system already"), "{refusal:#}");
    suite.kubernetes.run(&["delete", "namespace", SYSTEM]).map(drop)
}

fn tell(suite: &Suite) -> Result<()> {
    let mut cast = Cast::meet(suite)?;
    let told =
        [cast.talk_both_ways()?, cast.lose_the_relay()?, cast.search_what_the_relay_saw()?, cast.scrape()?];
    say(&told.join("; "));
    Ok(())
}
