//! Status tells the truth on a real cluster: what is wrong is named with object, field, cause and next step within 90 s,
//! Ready is False meanwhile, and all is well again when it is undone. Two networks on one cluster, at the same time.
//! With `WICKR_KEEP` in the environment the cluster is left as it is, to look at.

mod status;

use anyhow::Context as _;
use wickr_scenarios::suite::Suite;

const CLUSTER: &str = "status";

#[test]
fn status_tells_what_is_wrong_and_that_it_is_well_again() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let outcome = Suite::play(CLUSTER, |suite| {
        let (headquarters, outpost) = std::thread::scope(|scope| {
            let outpost = scope.spawn(|| status::outpost(suite));
            (status::headquarters(suite), outpost.join().unwrap())
        });
        outpost.context("the outpost")?;
        let (alice, room) = headquarters.context("headquarters")?;
        status::the_provider_goes_away(suite, &alice, &room).context("the provider goes away")
    });
    outcome.unwrap();
}
