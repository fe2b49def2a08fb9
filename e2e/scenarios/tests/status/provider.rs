//! The provider in service goes away for all networks of the cluster, and comes back. Its name leads elsewhere
//! meanwhile, so that other clusters of this machine go on using it.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use wickr_cluster::{HOST, Hosts};
use wickr_scenarios::alerting::Alerting;
use wickr_scenarios::kubernetes::Place;
use wickr_scenarios::people::Person;
use wickr_scenarios::suite::{NETWORK, PROVIDER, Suite};

use super::outpost;
use super::stage::Told;

pub(crate) fn goes_away(suite: &Suite, prometheus: &Alerting, alice: &Person, room: &str) -> Result<()> {
    let kubernetes = &suite.kubernetes;
    let told = |place: Place<'static>| Told { kubernetes, place };
    let issuer = suite.keycloak.issuer();
    let mut cluster = kubernetes.ground().own()?.clone();
    let mut lead_to = |address: Ipv4Addr| {
        let host = issuer.trim_start_matches("https://").split(':').next().unwrap_or_default();
        cluster.set_hosts(&Hosts::from([(host.to_owned(), address)]))
    };
    // Nobody listens on that port of the node.
    lead_to(kubernetes.ground().own()?.node_ip())?;
    let document = format!("the discovery document of {issuer} can't be fetched");
    let words = [document.as_str(), "Connection refused", "bring the provider back"];
    for network in [NETWORK, outpost::NETWORK] {
        told(network).is_broken("SignInReady", "ProviderUnreachable", &words)?;
    }
    told(PROVIDER).says("Ready", "False", "ProviderUnreachable", &["bring the provider back"])?;
    alice.run(&["send", room, "without the provider"]).context("who is signed in goes on")?;
    prometheus.is_pending("WickrNetworkNotReady", "")?;
    prometheus.fires("WickrProviderUnreachable", "")?;
    lead_to(HOST)?;
    for place in [NETWORK, outpost::NETWORK, PROVIDER] {
        told(place).is_well("Ready")?;
    }
    prometheus.is_over("WickrProviderUnreachable", "")?;
    prometheus.is_over("WickrNetworkNotReady", "")
}
