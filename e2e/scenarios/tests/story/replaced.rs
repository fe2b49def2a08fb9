//! Keys are replaced under load, and in every phase of it the operator that acts is killed. The network stays Ready, its
//! pods stay as they are, no connection ends and no message is lost or refused; nor in the chart's upgrade after it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wickr_base::{Clock as _, SystemClock};
use wickr_cluster::progress::say;
use wickr_load::ledger::compare;
use wickr_load::{Connected, Load, Pace};
use wickr_scenarios::kubernetes::{Condition, Kubernetes};
use wickr_scenarios::suite::{NETWORK, SYSTEM};
use wickr_scenarios::watch::Watch;
use wickr_scenarios::{faults, leader, numbers};

use super::{Crowd, everybody_was_heard};

const LAST: &str = "all keys are others";
/// Messages a second: debug clients share two cores with a whole cluster.
const USUAL: u32 = 40;
/// For the replacement of one key, with its two overlaps of 15 s and a kill in each phase.
const REPLACED_WITHIN: Duration = Duration::from_mins(5);
/// What is promised when a leader is killed.
const TAKEN_OVER: Duration = Duration::from_secs(15);
/// `rotateAfter` names it too; status has no phase of it.
const CERTIFICATES: &str = "certificates";
/// Its predecessor is trusted for months, in which it can't be replaced again.
const FOR_MONTHS: &str = "deviceIssuer";
/// What an issuer goes through.
const PHASES: [&str; 3] = ["Announcing", "Replacing", "Retiring"];

impl Crowd<'_> {
    pub(crate) async fn writes_while_keys_are_replaced(&mut self) -> Result<()> {
        let kubernetes = &self.suite.kubernetes;
        // The relay was killed three times before: status may still say so.
        self.suite.until_ready()?;
        let (pods, refused) = (pods(kubernetes, NETWORK.namespace)?, refusals(kubernetes)?);
        let place = self.away.place()?;
        self.away.close().await;
        let (mut reading, mut connected, mut writers) = (Vec::new(), Vec::new(), Vec::new());
        for device in &self.present {
            reading.push((device.name.clone(), device.reading(&self.room, device.place()?)?));
            connected.push(Connected::start(device.client()?));
            writers.push(device.writer(&self.room)?);
        }
        let load = Load::start(writers, Pace::asked(USUAL));
        let mut replacing = Replacing::begin(kubernetes)?;
        let keys = replacing.keys()?;
        replacing.all_of(&keys, &load).await.context("all keys at once")?;
        if faults::each_alone() {
            for key in keys.iter().filter(|key| *key != FOR_MONTHS) {
                replacing.all_of(std::slice::from_ref(key), &load).await.with_context(|| key.clone())?;
            }
        }
        self.upgrade_the_chart().context("helm upgrade after it")?;
        load.goes_on(20).await.context("after the upgrade")?;
        replacing.still_ready()?;
        ensure!(pods == self::pods(kubernetes, NETWORK.namespace)?, "pods were restarted: {pods:?} before");
        let rate = load.rate();
        let acknowledged = load.finish().await?;
        for connected in connected {
            connected.until_now().await?;
        }
        ensure!(refusals(kubernetes)? <= refused, "the relay has refused frames");
        // The one that was away trusts issuers that are gone; the pin is enough.
        self.away.open().await?;
        reading.push((self.away.name.clone(), self.away.reading(&self.room, place)?));
        self.present[0].says(&self.room, LAST).await?;
        for (name, reading) in reading {
            let given = reading.until(LAST, acknowledged.len()).await.context(name.clone())?;
            compare(&acknowledged, &given).with_context(|| format!("what {name} was given"))?;
        }
        everybody_was_heard(&acknowledged, self.present.len())?;
        say(&format!(
            "{} acknowledged messages, {rate:.0} a second, each given to {} devices once and in order, none refused, \
             through {} kills of the operator",
            acknowledged.len(),
            self.present.len() + 1,
            replacing.kills,
        ));
        Ok(())
    }

    /// With another value, then with none changed: of the network nothing moves, of the operator only what must.
    fn upgrade_the_chart(&self) -> Result<()> {
        let kubernetes = &self.suite.kubernetes;
        leader::all_are_there(kubernetes)?;
        let network = || pods(kubernetes, NETWORK.namespace);
        let (before, operators) = (network()?, pods(kubernetes, SYSTEM)?);
        self.suite.upgrade(&[r#"log.filter="info,wickr_operator=debug""#])?;
        leader::all_are_there(kubernetes)?;
        let others = pods(kubernetes, SYSTEM)?;
        ensure!(others.is_disjoint(&operators), "an operator was not replaced: {others:?}");
        self.suite.upgrade(&[])?;
        ensure!(pods(kubernetes, SYSTEM)? == others, "operators were restarted by an upgrade to the same");
        ensure!(network()? == before, "pods of the network were restarted: {before:?} before");
        self.suite.until_ready()?;
        say(
            "helm upgrade twice without a conflict: the changed value restarted the operators alone, the same nothing",
        );
        Ok(())
    }
}

/// The network as its keys are replaced, never out of sight.
struct Replacing<'a> {
    kubernetes: &'a Kubernetes,
    watch: Watch,
    kills: usize,
}

/// What is to be done next.
enum Next {
    /// These are in phases in which nobody was killed yet.
    Kill(Vec<(String, String)>),
    Done,
    NotReady(String),
}

impl<'a> Replacing<'a> {
    fn begin(kubernetes: &'a Kubernetes) -> Result<Self> {
        patch(kubernetes, &json!({"overlap": "15s"}))?;
        Ok(Self { kubernetes, watch: Watch::start(kubernetes, &NETWORK)?, kills: 0 })
    }

    /// Every key that can be replaced.
    fn keys(&self) -> Result<Vec<String>> {
        let network = self.kubernetes.get(NETWORK.namespace, NETWORK.kind, NETWORK.name)?;
        let network = network.context("the network is gone")?;
        let told = phases(&network).into_iter().map(|(key, _)| key);
        Ok(told.chain([CERTIFICATES.to_owned()]).collect())
    }

    /// Asks for all of these at once, kills the leader then and in every phase, and waits for the end of it.
    async fn all_of(&mut self, keys: &[String], load: &Load) -> Result<()> {
        let clock = SystemClock::new();
        // Whole seconds, as a certificate's: one that is made in the same second is made since.
        let now = jiff::Timestamp::from_second(clock.now().seconds()).context("reading the clock")?;
        let asked: Value = keys.iter().map(|key| (key.clone(), json!(now.to_string()))).collect();
        let certificate = || self.kubernetes.secret(NETWORK.namespace, "hq-tls-relay", "tls.crt");
        let before = certificate()?;
        leader::all_are_there(self.kubernetes)?;
        patch(self.kubernetes, &json!({"rotateAfter": asked}))?;
        self.kill("asked for")?;
        let mut killed = BTreeSet::new();
        loop {
            load.goes_on(1).await?;
            let next = self.watch.until(REPLACED_WITHIN, |network| next(network, keys, &killed, now))?;
            match next.context("the keys were not replaced")? {
                Next::NotReady(why) => anyhow::bail!("the network was not Ready: {why}"),
                Next::Done => break,
                Next::Kill(phases) => {
                    leader::all_are_there(self.kubernetes)?;
                    let words: Vec<_> = phases.iter().map(|(key, phase)| format!("{key} {phase}")).collect();
                    self.kill(&words.join(", "))?;
                    killed.extend(phases);
                }
            }
        }
        for (key, _) in killed.iter().filter(|(_, phase)| phase == PHASES[0]) {
            let all = PHASES.map(|phase| (key.clone(), phase.to_owned()));
            ensure!(all.iter().all(|phase| killed.contains(phase)), "{key}: killed in {killed:?} only");
        }
        let of_issuer =
            [CERTIFICATES, "workloadIssuer"].iter().any(|key| keys.iter().any(|asked| asked == key));
        ensure!((certificate()? != before) == of_issuer, "the relay's certificate after {keys:?}");
        load.goes_on(20).await.context("with other keys")?;
        say(&format!("{}: replaced within {:.0} s", keys.join(", "), clock.elapsed().as_secs_f64()));
        Ok(())
    }

    fn kill(&mut self, when: &str) -> Result<()> {
        let taken_over = leader::kill(self.kubernetes).with_context(|| format!("killed at: {when}"))?;
        self.kills += 1;
        let (held, acted) = (taken_over.held.as_secs_f64(), taken_over.acted.as_secs_f64());
        say(&format!(
            "{when}: leader killed, another held the lease after {held:.1} s and acted after {acted:.1} s"
        ));
        ensure!(taken_over.acted < TAKEN_OVER, "it took {acted:.1} s until another acted");
        Ok(())
    }

    /// What was seen since.
    fn still_ready(&self) -> Result<()> {
        let not = self.watch.until(Duration::from_secs(1), |network| ready(network).err())?;
        ensure!(not.is_none(), "the network was not Ready: {not:?}");
        Ok(())
    }
}

fn patch(kubernetes: &Kubernetes, keys: &Value) -> Result<()> {
    let patch = json!({"spec": {"keys": keys}}).to_string();
    let arguments =
        ["patch", "-n", NETWORK.namespace, NETWORK.kind, NETWORK.name, "--type=merge", "-p", &patch];
    kubernetes.run(&arguments).map(drop)
}

fn next(
    network: &Value,
    keys: &[String],
    killed: &BTreeSet<(String, String)>,
    asked: jiff::Timestamp,
) -> Option<Next> {
    if let Err(why) = ready(network) {
        return Some(Next::NotReady(why));
    }
    let fresh: Vec<_> = phases(network)
        .into_iter()
        .filter(|seen| PHASES.contains(&seen.1.as_str()) && !killed.contains(seen))
        .collect();
    if !fresh.is_empty() {
        return Some(Next::Kill(fresh));
    }
    let made_since = |entry: &Value| {
        entry["madeAt"]
            .as_str()
            .and_then(|at| at.parse::<jiff::Timestamp>().ok())
            .is_some_and(|at| at >= asked)
    };
    let entries = network["status"]["keys"].as_array()?;
    let is_asked = |entry: &&Value| keys.iter().any(|key| entry["key"] == key.as_str());
    let replaced = entries.iter().filter(is_asked).all(made_since);
    let steady = entries.iter().all(|entry| {
        entry["phase"] == "Steady" || (entry["key"] == FOR_MONTHS && entry["phase"] == "Retiring")
    });
    let judged = network["status"]["observedGeneration"] == network["metadata"]["generation"];
    let settled = Condition::of(network, "Progressing").is_some_and(|progressing| !progressing.is_true());
    (replaced && steady && judged && settled).then_some(Next::Done)
}

fn ready(network: &Value) -> Result<(), String> {
    match Condition::of(network, "Ready") {
        Some(ready) if ready.is_true() => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Each key that status tells of, with its phase.
fn phases(network: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let keys = network["status"]["keys"].as_array().cloned().unwrap_or_default();
    keys.iter().map(|entry| (text(&entry["key"]), text(&entry["phase"]))).collect()
}

/// Each pod with how often its container was started.
fn pods(kubernetes: &Kubernetes, namespace: &str) -> Result<BTreeSet<String>> {
    let pods = kubernetes.list(namespace, "pods")?;
    let there = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let word = |pod: &Value| {
        let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
        format!("{} {} started {restarts}", pod["metadata"]["name"], pod["metadata"]["uid"])
    };
    Ok(there.map(word).collect())
}

fn refusals(kubernetes: &Kubernetes) -> Result<f64> {
    let metrics = numbers::of(kubernetes, NETWORK.namespace, "hq-relay-0")?;
    Ok(numbers::sum(&metrics, "wickr_relay_refusals_total", ""))
}
