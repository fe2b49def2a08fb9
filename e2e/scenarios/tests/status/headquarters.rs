//! The demo's network: nothing is written twice, wrong specs are refused, a provider that nobody answers at goes not
//! live, a missing right is named, and the network comes back from its Secrets and volumes.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use wickr_cluster::until;
use wickr_scenarios::alerting::Alerting;
use wickr_scenarios::kubernetes::{Kubernetes, Place};
use wickr_scenarios::numbers::{self, sum};
use wickr_scenarios::people::Person;
use wickr_scenarios::samples::repository;
use wickr_scenarios::suite::{NETWORK, PROVIDER, SYSTEM, Suite};

use super::alerts;
use super::stage::{HEALED, Told};

/// Everything that the operator makes of a network.
const OWNED: &str = "serviceaccounts,secrets,configmaps,services,networkpolicies,pvc,statefulsets";
const ROLE: &str = "wickr-operator-wickr-system";
const ACCOUNT: &str = "system:serviceaccount:wickr-system:wickr-operator";

pub(super) struct Headquarters<'a> {
    suite: &'a Suite,
    prometheus: &'a Alerting,
    pub(super) network: Told<'a>,
    provider: Told<'a>,
}

/// Gives somebody who is signed in, and her room.
pub(crate) fn play(suite: &Suite, prometheus: &Alerting) -> Result<(Person, String)> {
    let kubernetes = &suite.kubernetes;
    let hq = Headquarters {
        suite,
        prometheus,
        network: Told { kubernetes, place: NETWORK },
        provider: Told { kubernetes, place: PROVIDER },
    };
    suite.apply_demo()?;
    hq.network.is_well("Ready")?;
    hq.provider.is_well("Ready")?;
    alerts::it_scrapes_what_the_monitors_choose(prometheus).context("what is scraped")?;
    hq.nothing_differs_from_the_manifests().context("kubectl diff")?;
    hq.an_operator_that_starts_anew_writes_nothing().context("an operator that starts anew")?;
    let (alice, room) = hq.somebody_who_writes().context("alice signs in")?;
    hq.wrong_specs().context("wrong specs")?;
    hq.a_provider_that_nobody_answers_at().context("an unreachable provider")?;
    hq.a_missing_right().context("a missing right")?;
    hq.a_volume_that_cannot_grow().context("a volume that can't grow")?;
    hq.a_network_that_is_made_again(&alice, &room).context("a network that is made again")?;
    Ok((alice, room))
}

impl Headquarters<'_> {
    pub(super) fn kubernetes(&self) -> &Kubernetes {
        &self.suite.kubernetes
    }

    fn nothing_differs_from_the_manifests(&self) -> Result<()> {
        let demo = |file: &str| repository().join("manifests/demo").join(file).display().to_string();
        let (network, provider) = (demo("network.yaml"), demo("identity-provider.yaml"));
        let differs = self.kubernetes().run(&["diff", "-f", &network, "-f", &provider])?;
        ensure!(differs.is_empty(), "kubectl diff: {differs}");
        Ok(())
    }

    fn somebody_who_writes(&self) -> Result<(Person, String)> {
        let alice = self.suite.person("alice");
        if alice.profile().exists() {
            fs::remove_dir_all(alice.profile()).context("removing an earlier profile")?;
        }
        self.suite.sign_in(&alice)?;
        let made = alice.json(&["room", "create", "night watch"])?;
        let room = made.last().and_then(|made| made["room"].as_str()).context("no room was made")?.to_owned();
        alice.run(&["send", &room, "before"])?;
        Ok((alice, room))
    }

    /// On a busy machine a service may miss a deadline meanwhile, which is news: so one of three starts has to be quiet.
    fn an_operator_that_starts_anew_writes_nothing(&self) -> Result<()> {
        let mut written = Vec::new();
        for _ in 0..3 {
            self.network.is_well("Ready")?;
            let before = self.versions()?;
            ensure!(before.len() > 20, "these are too few to be all: {:?}", before.keys());
            self.start_the_operator_anew()?;
            let after = self.versions()?;
            let same = |name: &str| before.get(name) == after.get(name);
            written = before.keys().chain(after.keys()).filter(|name| !same(name)).cloned().collect();
            if written.is_empty() {
                return Ok(());
            }
        }
        bail!("written again: {written:?}")
    }

    fn start_the_operator_anew(&self) -> Result<()> {
        let deployment = "deployment/wickr-operator";
        self.kubernetes().run(&["rollout", "restart", "-n", SYSTEM, deployment])?;
        self.kubernetes().run(&["rollout", "status", "-n", SYSTEM, deployment, "--timeout=60s"])?;
        until("passes over network and provider after all services were asked", HEALED, || {
            let metrics = self.metrics_of_the_leader()?.unwrap_or_default();
            let counted = |name: &str, labels: &str| sum(&metrics, name, labels) >= 2.0;
            let passed = |controller: &str| {
                counted("wickr_operator_reconciles_total", &format!("controller=\"{controller}\""))
            };
            let asked = sum(&metrics, "wickr_operator_polls_total", "") >= 4.0;
            Ok((asked && passed("network") && passed("identity-provider")).then_some(()))
        })
    }

    fn versions(&self) -> Result<BTreeMap<String, String>> {
        let text = |object: &Value, path: &str| {
            object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut all = Vec::new();
        for place in [NETWORK, PROVIDER] {
            all.extend(self.kubernetes().get(place.namespace, place.kind, place.name)?);
        }
        let label = format!("--selector=wickr.dev/network={}", NETWORK.name);
        let list = self.kubernetes().run(&["get", OWNED, "-n", NETWORK.namespace, &label, "-o", "json"])?;
        let list: Value = serde_json::from_str(&list).context("reading what the network owns")?;
        all.extend(list["items"].as_array().cloned().unwrap_or_default());
        let entry = |object: &Value| {
            let name = format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"));
            (name, text(object, "/metadata/resourceVersion"))
        };
        Ok(all.iter().map(entry).collect())
    }

    /// Of the replica that acts; `None` while none does.
    fn metrics_of_the_leader(&self) -> Result<Option<String>> {
        let pods = self.kubernetes().list(SYSTEM, "pods")?;
        for pod in pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()) {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            // One that begins or ends has none.
            let Ok(metrics) = numbers::of(self.kubernetes(), SYSTEM, name) else { continue };
            if sum(&metrics, "wickr_operator_leading", "") > 0.0 {
                return Ok(Some(metrics));
            }
        }
        Ok(None)
    }

    fn wrong_specs(&self) -> Result<()> {
        let network = |namespace: &str, name: &str, domain: &str| {
            json!({
                "apiVersion": "wickr.dev/v1alpha1",
                "kind": "WickrNetwork",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "domain": domain,
                    "storage": {"embedded": {"size": "1Gi"}},
                    "exposure": {
                        "hostname": format!("chat.{domain}"),
                        "service": {"type": "NodePort", "relayPort": 30643, "ssoPort": 30644},
                    },
                },
            })
        };
        self.the_webhook_refuses_by_itself()?;
        let annex = Place { namespace: "hq", kind: "wickrnetwork", name: "annex" };
        let twin = Place { namespace: "twin", kind: "wickrnetwork", name: "twin" };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "twin"}});
        let manifests =
            [network("hq", "annex", "annex.example"), namespace, network("twin", "twin", "hq.example")];
        self.kubernetes().apply(&manifests.map(|manifest| manifest.to_string()).join("\n---\n"))?;
        let told = |place| Told { kubernetes: self.kubernetes(), place };
        let words = ["metadata.namespace", "the older WickrNetwork hq/hq", "hq/annex is the younger"];
        told(annex).is_broken("Accepted", "NamespaceTaken", &words)?;
        let words = ["spec.domain", "the older WickrNetwork hq/hq", "twin/twin is the younger"];
        told(twin).is_broken("Accepted", "DomainTaken", &words)?;
        self.kubernetes().run(&["delete", "wickrnetwork", "-n", "hq", "annex"])?;
        self.kubernetes().run(&["delete", "namespace", "twin", "--wait=false"])?;
        Ok(())
    }

    /// Through its Service, with the chart's configuration: what no rule of the definition finds.
    fn the_webhook_refuses_by_itself(&self) -> Result<()> {
        let patch = json!({"spec": {"cidrs": ["169.254.0.0/16"]}}).to_string();
        let arguments = ["patch", "-n", "hq", PROVIDER.kind, PROVIDER.name, "--type=merge", "-p", &patch];
        let Err(refused) = self.kubernetes().run(&[&arguments[..], &["--dry-run=server"]].concat()) else {
            bail!("an address that must never be reached was taken: is the webhook called?");
        };
        let words = "spec.cidrs[0]: \"169.254.0.0/16\" is link-local. Next: ";
        ensure!(format!("{refused:#}").contains(words), "it says: {refused:#}");
        Ok(())
    }

    /// It is told, and the last good settings stay in service.
    fn a_provider_that_nobody_answers_at(&self) -> Result<()> {
        let issuer = self.suite.keycloak.issuer();
        let nobody = issuer.replace(&self.suite.keycloak.address().port().to_string(), "8444");
        let set = |issuer: &str| {
            let patch = json!({"spec": {"issuer": issuer}}).to_string();
            let arguments = ["patch", "-n", "hq", PROVIDER.kind, PROVIDER.name, "--type=merge", "-p", &patch];
            self.kubernetes().run(&arguments).map(drop)
        };
        set(&nobody)?;
        self.provider.is_broken("Discovered", "Failed", &["8444", "check spec.issuer"])?;
        self.provider.says("Active", "True", "LastGoodInUse", &[&issuer])?;
        self.network.says("SignInReady", "True", "ProviderAnswers", &[&issuer])?;
        set(&issuer)?;
        self.provider.is_well("Ready")
    }

    fn a_missing_right(&self) -> Result<()> {
        let role = self.kubernetes().get("default", "clusterrole", ROLE)?.context("the role is gone")?;
        let rules = role["rules"].as_array().context("a role without rules")?;
        let at = rules.iter().position(|rule| rule["resources"] == json!(["services"]));
        let at = at.context("the role has no rule for services")?;
        let verbs = rules[at]["verbs"].as_array().cloned().unwrap_or_default();
        let fewer: Vec<&Value> = verbs.iter().filter(|verb| **verb != "create").collect();
        let grant = |verbs: Value| {
            let patch = json!([{"op": "replace", "path": format!("/rules/{at}/verbs"), "value": verbs}]);
            let patch = patch.to_string();
            self.kubernetes().run(&["patch", "clusterrole", ROLE, "--type=json", "-p", &patch]).map(drop)
        };
        grant(json!(fewer))?;
        self.until_the_operator_can("create", "no")?;
        self.kubernetes().run(&["delete", "service", "-n", "hq", "hq-sso-public"])?;
        let words = [
            "create Service hq/hq-sso-public",
            "cannot create resource",
            "grant the operator the verb create",
        ];
        self.network.says("Degraded", "True", "Forbidden", &words)?;
        self.network.is_broken("Ready", "Forbidden", &words)?;
        self.prometheus.fires("WickrOperatorForbidden", "controller=\"network\"")?;
        self.prometheus.is_pending("WickrNetworkDegraded", "reason=\"Forbidden\"")?;
        grant(json!(verbs))?;
        self.network.is_well("Ready")?;
        self.network.says("Degraded", "False", "AsExpected", &[]).map(drop)
    }

    /// The API server learns of a changed role a little later.
    fn until_the_operator_can(&self, verb: &str, answer: &str) -> Result<()> {
        let soon = Duration::from_secs(20);
        let mut ask = self.kubernetes().ground().kubectl();
        ask.args(["auth", "can-i", verb, "services", "-n", "hq", "--as", ACCOUNT]);
        until("the changed role", soon, || {
            let said = ask.output().context("starting kubectl auth can-i")?;
            Ok((String::from_utf8_lossy(&said.stdout).trim() == answer).then_some(()))
        })
    }

    /// With deletionPolicy Retain: the same root, so who has joined goes on.
    fn a_network_that_is_made_again(&self, alice: &Person, room: &str) -> Result<()> {
        let join = self.suite.join()?;
        self.kubernetes().run(&["delete", "wickrnetwork", "-n", "hq", "hq", "--timeout=60s"])?;
        self.suite.apply_demo()?;
        self.network.is_well("Ready")?;
        self.provider.is_well("Ready")?;
        ensure!(self.suite.join()? == join, "it has another root: {} instead of {join}", self.suite.join()?);
        alice.run(&["send", room, "after"])?;
        let read = alice.run(&["read", room])?;
        ensure!(read.contains("before") && read.contains("after"), "alice reads: {read}");
        Ok(())
    }
}
