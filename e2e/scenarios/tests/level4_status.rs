//! Status tells the truth on a real cluster: what is wrong is named with object, field, cause and next step within 90 s,
//! Ready is False meanwhile, and all is well again when it is undone. Two networks on one cluster, at the same time.
//! A real Prometheus with the chart's rules watches: of what is wrong the chart's alerts tell, too.
//! With `WICKR_KEEP` in the environment the cluster is left as it is, to look at.

mod status;

use anyhow::Context as _;
use wickr_scenarios::alerting::Alerting;
use wickr_scenarios::suite::Suite;

const CLUSTER: &str = "status";

#[test]
fn status_tells_what_is_wrong_and_that_it_is_well_again() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let outcome = Suite::play(CLUSTER, |suite| {
        let prometheus = Alerting::start(&suite.kubernetes, &suite.home)?;
        let (headquarters, outpost) = std::thread::scope(|scope| {
            let outpost = scope.spawn(|| status::outpost(suite, &prometheus));
            (status::headquarters(suite, &prometheus), outpost.join().unwrap())
        });
        if let (Err(outpost), Err(headquarters)) = (&outpost, &headquarters) {
            anyhow::bail!("headquarters: {headquarters:#}; the outpost: {outpost:#}");
        }
        outpost.context("the outpost")?;
        let (alice, room) = headquarters.context("headquarters")?;
        status::the_provider_goes_away(suite, &prometheus, &alice, &room)
            .context("the provider goes away")?;
        status::nobody_operates(suite, &prometheus).context("nobody operates")
    });
    outcome.unwrap();
}
