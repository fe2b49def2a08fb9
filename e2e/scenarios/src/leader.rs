//! The operator's replica that acts: who it is, and what becomes of everything when it is killed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wickr_base::{Clock as _, SystemClock};
use wickr_cluster::until;

use crate::kubernetes::{Kubernetes, Place};
use crate::suite::{NETWORK, SYSTEM};
use crate::watch::Watch;

const LEASE: Place<'static> = Place { namespace: SYSTEM, kind: "lease", name: "wickr-operator" };
const DEPLOYMENT: &str = "deployment/wickr-operator";
/// Far more than is promised: what it took is told either way.
const LIMIT: Duration = Duration::from_mins(1);

/// How long it took after a kill.
#[derive(Clone, Copy, Debug)]
pub struct TakenOver {
    /// Until another held the lease.
    pub held: Duration,
    /// Until another had put something right that was spoilt after the kill.
    pub acted: Duration,
}

/// Waits until all replicas are there and ready, so that one stands by.
pub fn all_are_there(kubernetes: &Kubernetes) -> Result<()> {
    kubernetes
        .run(&["rollout", "status", "-n", SYSTEM, DEPLOYMENT, "--timeout=90s"])
        .context("waiting for the operator's replicas")
        .map(drop)
}

/// The pod that holds the lease.
pub fn pod(kubernetes: &Kubernetes) -> Result<String> {
    let lease = kubernetes.get(LEASE.namespace, LEASE.kind, LEASE.name)?.context("there is no lease")?;
    holder(&lease).context("nobody holds the lease")
}

/// SIGKILLs the process of the pod that leads and deletes the pod, without a grace; then spoils a Service of the network
/// and waits until another replica has put it right.
pub fn kill(kubernetes: &Kubernetes) -> Result<TakenOver> {
    let leader = pod(kubernetes)?;
    let lease = Watch::start(kubernetes, &LEASE)?;
    let killed = kubernetes.kill(SYSTEM, &leader, "wickr-operator")?;
    let clock = SystemClock::new();
    ensure!(killed == 1, "{killed} operators were killed in {leader}");
    kubernetes.run(&[
        "delete",
        "pod",
        "-n",
        SYSTEM,
        &leader,
        "--force",
        "--grace-period=0",
        "--wait=false",
    ])?;
    let spoil = json!({"spec": {"publishNotReadyAddresses": false}}).to_string();
    let service = ["-n", NETWORK.namespace, "service", "hq-relay"];
    kubernetes.run(&[&["patch"], &service[..], &["--type=merge", "-p", &spoil]].concat())?;
    let another = |lease: &Value| holder(lease).filter(|holder| *holder != leader);
    lease.until(LIMIT, another)?.with_context(|| format!("nobody took over from {leader}"))?;
    let held = clock.elapsed();
    let shown = [&["get"], &service[..], &["-o", "jsonpath={.spec.publishNotReadyAddresses}"]].concat();
    until("a spoilt Service is put right", LIMIT, || Ok((kubernetes.run(&shown)? == "true").then_some(())))?;
    Ok(TakenOver { held, acted: clock.elapsed() })
}

/// A holder is the pod's name and a random word.
fn holder(lease: &Value) -> Option<String> {
    let holder = lease["spec"]["holderIdentity"].as_str()?;
    Some(holder.rsplit_once('_')?.0.to_owned())
}
