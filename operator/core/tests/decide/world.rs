//! A network's little world: applies plans to values as the driver and the API server would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::{WickrNetwork, WickrNetworkStatus};
use wickr_operator_core::network::{self, Applied, KeySlot, NetworkRefs, NetworkSeen, Outcome, Plan};
use wickr_operator_core::{
    Check, Disk, Env, Explained, HoldReason, KindRow, Live, Lookup, NETWORK_MANAGER, Names, Poll,
    ProviderAnswer, ProviderInUse, PublicAnswer, Put, RelayAnswer, Role, SsoAnswer, Target,
};
use wickr_operator_testkit::keys::Issuers;
use wickr_operator_testkit::objects::{demo_network, demo_provider, storage_class};
use wickr_pki::trust::sign_document;

/// 2026-01-02T00:00:00Z.
pub(crate) const START: UnixMillis = UnixMillis(1_767_312_000_000);

pub(crate) fn env() -> Env {
    Env {
        server_image: "wickr.local/wickr-server:dev".to_owned(),
        pull_policy: "IfNotPresent".to_owned(),
        image_pull_secrets: Vec::new(),
        operator_namespace: "wickr-system".to_owned(),
        operator_labels: BTreeMap::from([("app.kubernetes.io/name".to_owned(), "wickr-operator".to_owned())]),
        drain: Duration::from_secs(20),
    }
}

/// Everything that one network's passes see and change.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) network: WickrNetwork,
    pub(crate) refs: NetworkRefs,
    pub(crate) env: Env,
    pub(crate) live: Live,
    pub(crate) pods: Vec<Value>,
    pub(crate) relay: Poll<RelayAnswer>,
    pub(crate) sso: Poll<SsoAnswer>,
    pub(crate) public: BTreeMap<Role, Poll<PublicAnswer>>,
    /// Why the last event was not published.
    pub(crate) unheard: Option<Explained>,
    pub(crate) now: UnixMillis,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) version: u64,
}

impl World {
    /// The demo's network before its first pass, in a cluster with one default class that can grow.
    pub(crate) fn new() -> Self {
        let classes = [storage_class("standard", true, true), storage_class("stiff", false, false)];
        let classes = classes.map(|class| serde_json::from_value(class).unwrap()).to_vec();
        Self {
            network: demo_network(),
            refs: NetworkRefs {
                provider: Some(Lookup::Found(demo_provider())),
                storage_classes: Lookup::Found(classes),
                ..NetworkRefs::default()
            },
            env: env(),
            live: Live::default(),
            pods: Vec::new(),
            relay: Poll::Never,
            sso: Poll::Never,
            public: BTreeMap::new(),
            unheard: None,
            now: START,
            issuers: Arc::new(Issuers::new("hq.example", START)),
            version: 10,
        }
    }

    /// The same after it has come up.
    pub(crate) fn up() -> Self {
        let mut world = Self::new();
        world.settle();
        world.run();
        world.settle();
        world
    }

    pub(crate) fn seen(&self) -> NetworkSeen {
        let pods = self.pods.iter().map(|pod| serde_json::from_value(pod.clone()).unwrap()).collect();
        let mut seen = NetworkSeen::read(&names(), self.live.clone(), pods, self.now);
        seen.relay = BTreeMap::from([(names().pod(Role::Relay), self.relay.clone())]);
        seen.sso = BTreeMap::from([(names().pod(Role::Sso), self.sso.clone())]);
        seen.public.clone_from(&self.public);
        seen.unheard.clone_from(&self.unheard);
        seen
    }

    /// Gather, validate, build, plan; nothing is applied.
    pub(crate) fn plan(&self) -> Plan {
        self.plan_of(&self.seen())
    }

    /// The same with what was seen changed.
    pub(crate) fn plan_of(&self, seen: &NetworkSeen) -> Plan {
        let refs = NetworkRefs { root: seen.root, ..self.refs.clone() };
        let valid = network::validate(&self.network, &refs, self.now).expect("the network is valid");
        network::plan(&valid, network::build(&valid, &self.env), seen, self.now)
    }

    /// A whole pass; the status is kept as the API server would.
    pub(crate) fn pass(&mut self) -> Plan {
        let plan = self.plan();
        self.apply(&plan);
        self.report(None);
        plan
    }

    /// Reports a pass that applied everything, or failed so.
    pub(crate) fn report(&mut self, failure: Option<&Explained>) -> WickrNetworkStatus {
        let status = self.judged(failure);
        self.network.status = Some(status.clone());
        status
    }

    fn judged(&self, failure: Option<&Explained>) -> WickrNetworkStatus {
        let seen = self.seen();
        let refs = NetworkRefs { root: seen.root, ..self.refs.clone() };
        let gathered = Some((&refs, &seen));
        match network::validate(&self.network, &refs, self.now) {
            Err(findings) => network::report(&self.network, gathered, &Outcome::Refused(&findings), self.now),
            Ok(valid) => {
                let plan = network::plan(&valid, network::build(&valid, &self.env), &seen, self.now);
                let applied = failure.map_or(Ok(Applied { writes: 0 }), Err);
                let outcome = Outcome::Planned { valid: &valid, plan: &plan, applied };
                network::report(&self.network, gathered, &outcome, self.now)
            }
        }
    }

    /// Passes until one writes nothing. Rollouts finish between them.
    pub(crate) fn settle(&mut self) -> usize {
        for passes in 0..10 {
            let plan = self.pass();
            if plan.issue.is_empty()
                && plan.rotate.is_empty()
                && plan.sign.is_none()
                && plan.put.is_empty()
                && plan.prune.is_empty()
            {
                return passes;
            }
            self.roll_out();
        }
        panic!("ten passes don't come to an end: {}", network::plan_text(&self.plan()));
    }

    /// Does what a plan says, as the driver would.
    pub(crate) fn apply(&mut self, plan: &Plan) {
        self.apply_first(plan, usize::MAX);
    }

    /// The same by an operator that is gone after so many steps; gives how many of them it did.
    pub(crate) fn apply_first(&mut self, plan: &Plan, most: usize) -> usize {
        let mut done = 0;
        let mut may = || {
            let may = done < most;
            done += usize::from(may);
            may
        };
        for key in plan.issue.iter().take_while(|_| may()) {
            let put = key.put(self.make(key));
            self.write(&put);
        }
        // The driver signs by what it has seen and made, not by what it has just put in a place.
        let gathered = self.clone();
        plan.rotate.iter().take_while(|_| may()).for_each(|put| self.write(put));
        if let Some(sign) = plan.sign.as_ref().filter(|_| may()) {
            let key = |slot| gathered.key(slot);
            let (issuer, root) = (key(KeySlot::DocumentIssuer), key(KeySlot::Root));
            let signer = key(KeySlot::DocumentKey);
            let body = sign_document(&sign.payload, &signer, &issuer.certificate, &root.certificate).unwrap();
            self.write(&sign.put(&body));
        }
        plan.put.iter().take_while(|_| may()).for_each(|put| self.write(put));
        plan.prune.iter().take_while(|_| may()).for_each(|target| self.delete(target));
        for push in plan.push.iter().take_while(|_| may()) {
            match (push.role, &mut self.relay, &mut self.sso) {
                (Role::Relay, Poll::Answered { answer, .. }, _) => answer.document = push.number,
                (Role::Sso, _, Poll::Answered { answer, .. }) => answer.document = push.number,
                _ => {}
            }
        }
        done
    }

    /// Pods are running and settled, volumes bound.
    pub(crate) fn roll_out(&mut self) {
        let objects: Vec<(KindRow, Value)> =
            self.live.iter().map(|(kind, _, value)| (*kind, value.clone())).collect();
        for (kind, mut object) in objects {
            match kind.kind {
                "StatefulSet" => {
                    let generation = object["metadata"]["generation"].clone();
                    object["status"] = json!({"observedGeneration": generation, "readyReplicas": 1,
                        "currentRevision": "r", "updateRevision": "r"});
                }
                "PersistentVolumeClaim" => object["status"] = json!({"phase": "Bound"}),
                _ => continue,
            }
            self.live.add(kind, object);
        }
    }

    /// The services run and say that all is well, with the document that is there.
    pub(crate) fn run(&mut self) {
        self.pods = Role::ALL.map(|role| pod(&names().pod(role), role)).to_vec();
        let document = self.seen().document.map_or(0, |seen| seen.document.number);
        let fine = Check { ok: true, at: Some(self.now), ..Check::default() };
        let disk = Some(Disk { free: 900 << 20, total: 1 << 30 });
        let provider = ProviderAnswer {
            active: Some(ProviderInUse {
                issuer: "https://sso.hq.example:8443/realms/hq".to_owned(),
                client_id: "wickr".to_owned(),
                generation: "g1".to_owned(),
                since: Some(self.now),
            }),
            previous: None,
            discovery: Some(fine.clone()),
            keys: Some(fine.clone()),
            client: Some(fine.clone()),
            id_tokens: Some(fine.clone()),
            clock_skew_ms: Some(3),
        };
        let at = self.now;
        let (canary, changes) = (fine.clone(), Some(fine.clone()));
        self.relay = Poll::Answered {
            at,
            answer: RelayAnswer { document, canary, changes, disk, certificates: self.mounted(Role::Relay) },
        };
        let store = Some(fine.clone());
        let certificates = self.mounted(Role::Sso);
        let device_issuer = self.pin(KeySlot::DeviceIssuer);
        let answer = SsoAnswer {
            document,
            store,
            provider,
            certificate: fine,
            users: Some(2),
            disk,
            device_issuer,
            certificates,
        };
        self.sso = Poll::Answered { at, answer };
        self.public = Role::ALL
            .map(|role| (role, Poll::Answered { at, answer: PublicAnswer { document } }))
            .into_iter()
            .collect();
    }

    /// Lets time pass; whoever runs goes on saying that all is well.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.run();
    }

    pub(crate) fn relay_answer(&mut self) -> &mut RelayAnswer {
        let Poll::Answered { answer, .. } = &mut self.relay else { panic!("the relay answers") };
        answer
    }

    pub(crate) fn sso_answer(&mut self) -> &mut SsoAnswer {
        let Poll::Answered { answer, .. } = &mut self.sso else { panic!("sso answers") };
        answer
    }

    /// Changes a live object as somebody else would.
    pub(crate) fn meddle(&mut self, kind: &str, name: &str, change: impl Fn(&mut Value)) {
        let row = row(kind);
        let mut object = self.live.value(row, name).expect("it is there").clone();
        change(&mut object);
        self.live.add(row, object);
    }

    /// Makes a live object go away.
    pub(crate) fn lose(&mut self, kind: &str, name: &str) {
        let row = row(kind);
        let keep = self.live.iter().filter(|(of, found, _)| **of != row || *found != name);
        let keep: Vec<(KindRow, Value)> = keep.map(|(kind, _, value)| (*kind, value.clone())).collect();
        self.live = Live::default();
        for (kind, value) in keep {
            self.live.add(kind, value);
        }
    }

    pub(crate) fn write(&mut self, put: &Put) {
        self.version += 1;
        let target = put.target();
        let live = self.live.value(target.kind, &target.name).cloned();
        match (put, &live) {
            (Put::Create { .. }, None) => {}
            (Put::Apply { target, .. }, Some(live)) => {
                assert_eq!(target.resource_version.as_deref(), live["metadata"]["resourceVersion"].as_str());
            }
            (put, live) => panic!("{put}: there is {live:?}"),
        }
        let mut object = put.body().clone();
        let generation = live.as_ref().map_or(0, |live| live["metadata"]["generation"].as_i64().unwrap_or(0));
        if let Some(live) = live {
            object["status"] = live["status"].clone();
        }
        let fields = fields(&object);
        let meta = &mut object["metadata"];
        if meta["uid"].is_null() {
            meta["uid"] = json!(format!("uid-{}", self.version));
        }
        meta["resourceVersion"] = json!(self.version.to_string());
        meta["generation"] = json!(generation + 1);
        meta["managedFields"] =
            json!([{"manager": NETWORK_MANAGER, "operation": "Apply", "fieldsV1": fields}]);
        self.live.add(target.kind, object);
    }

    fn delete(&mut self, target: &Target) {
        self.lose(target.kind.kind, &target.name);
    }
}

/// The names of what belongs to the demo's network.
pub(crate) fn names() -> Names {
    Names::new("hq", "hq")
}

pub(crate) fn row(kind: &str) -> KindRow {
    *wickr_operator_core::NetworkResources::KINDS.iter().find(|row| row.kind == kind).unwrap()
}

/// A running pod.
pub(crate) fn pod(name: &str, role: Role) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "hq"},
        "spec": {"containers": [{"name": role.name()}]},
        "status": {"containerStatuses": [container(role, &json!({"running": {}}), &json!({}), true)]}})
}

pub(crate) fn container(role: Role, state: &Value, last: &Value, ready: bool) -> Value {
    json!({"name": role.name(), "image": "wickr.local/wickr-server:dev", "imageID": "x", "ready": ready,
        "restartCount": 0, "state": state, "lastState": last})
}

/// FieldsV1 of a body that was applied; lists count as one value.
fn fields(body: &Value) -> Value {
    fn of(value: &Value) -> Value {
        match value {
            Value::Object(map) if !map.is_empty() => {
                map.iter().map(|(name, value)| (format!("f:{name}"), of(value))).collect()
            }
            _ => json!({}),
        }
    }
    let mut body = body.clone();
    let map = body.as_object_mut().unwrap();
    for name in ["apiVersion", "kind", "status"] {
        map.remove(name);
    }
    let meta = map["metadata"].as_object_mut().unwrap();
    for name in ["name", "namespace", "uid", "resourceVersion"] {
        meta.remove(name);
    }
    of(&body)
}

/// `Type=Status Reason` of one condition.
pub(crate) fn told(status: &WickrNetworkStatus, type_: &str) -> String {
    let condition = wickr_operator_core::find_condition(&status.conditions, type_).expect("the condition");
    format!("{} {}", condition.status, condition.reason)
}

/// What Ready says now.
pub(crate) fn ready(world: &mut World) -> String {
    told(&world.report(None), network::condition::READY)
}

pub(crate) fn message(status: &WickrNetworkStatus, type_: &str) -> String {
    wickr_operator_core::find_condition(&status.conditions, type_).expect("the condition").message.clone()
}

pub(crate) fn holds(plan: &Plan) -> Vec<HoldReason> {
    plan.holds.iter().map(|hold| hold.reason).collect()
}

/// The names of the objects of that kind that a plan puts.
pub(crate) fn written(plan: &Plan, kind: &str) -> Vec<String> {
    let of_kind = plan.put.iter().map(Put::target).filter(|target| target.kind.kind == kind);
    of_kind.map(|target| target.name.clone()).collect()
}
