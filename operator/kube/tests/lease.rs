//! Several keepers of one lease on a fake API server, in the runtime's own paused time (the table: `src/lease/decide.rs`).

#![expect(clippy::unwrap_used, reason = "what a test needs and does not find fails it")]

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use wickr_base::{Clock, SeededRng, UnixMillis};
use wickr_operator_kube::lease::{Keeper, LOOK, Lead, TERM, WRITES};
use wickr_operator_kube::{History, Key, Metrics, Standing};
use wickr_operator_testkit::clock::RuntimeClock;
use wickr_operator_testkit::fake_cluster::{FakeCluster, Fault, Wire};

const NOW: UnixMillis = UnixMillis(1_767_312_000_000);
/// How closely it is looked at.
const TICK: Duration = Duration::from_millis(50);

/// One replica; its keeper ends, without a word to anybody, when it is dropped.
struct Replica {
    wire: Wire,
    lead: Lead,
    task: JoinHandle<()>,
    told: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn replica_by(cluster: &FakeCluster, seed: u64, clock: Arc<dyn Clock>) -> Replica {
    let requests = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap().requests();
    let (wire, at) = (Wire::to(cluster), Key::new("wickr-system", "wickr-operator"));
    let mut keeper = Keeper::new(wire.client(), at, "pod", clock, &SeededRng::new(seed), requests);
    let lead = keeper.lead();
    let (told, stop) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        tokio::select! {
            () = keeper.run() => {}
            told = stop => if told.is_err() { return },
        }
        keeper.give_back().await;
    });
    Replica { wire, lead, task, told: Some(told) }
}

fn replica(cluster: &FakeCluster, seed: u64) -> Replica {
    replica_by(cluster, seed, Arc::new(RuntimeClock::at(NOW)))
}

impl Replica {
    /// As on SIGTERM.
    async fn stops(mut self) {
        self.told.take().unwrap().send(()).unwrap();
        (&mut self.task).await.unwrap();
    }
}

/// Lets `span` pass and looks all the time; how many led at most, at least.
async fn leaders(all: &[&Replica], span: Duration) -> (usize, usize) {
    let (end, mut most, mut least) = (Instant::now() + span, 0, usize::MAX);
    while Instant::now() < end {
        let leading = all.iter().filter(|replica| replica.lead.leads()).count();
        (most, least) = (most.max(leading), least.min(leading));
        sleep(TICK).await;
    }
    (most, least)
}

/// One that leads and one that stands by.
async fn pair(cluster: &FakeCluster) -> (Replica, Replica) {
    let first = replica(cluster, 1);
    first.lead.gained().await;
    let second = replica(cluster, 2);
    sleep(LOOK).await;
    assert!(first.lead.leads() && !second.lead.leads());
    (first, second)
}

#[tokio::test(start_paused = true)]
async fn of_three_replicas_exactly_one_leads_all_the_time() {
    let cluster = FakeCluster::new();
    let all = [replica(&cluster, 1), replica(&cluster, 2), replica(&cluster, 3)];
    sleep(LOOK).await;
    assert_eq!(leaders(&all.each_ref(), Duration::from_mins(10)).await, (1, 1));
    assert!(all.iter().all(|replica| replica.lead.standing() == Standing::Synced), "all of them are ready");
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_is_killed_the_other_leads_within_fifteen_seconds() {
    let cluster = FakeCluster::new();
    let (first, second) = pair(&cluster).await;
    let killed = Instant::now();
    drop(first);
    second.lead.gained().await;
    assert!(killed.elapsed() <= TERM + 2 * LOOK, "{:?}", killed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_at_the_next_look() {
    let cluster = FakeCluster::new();
    let (first, second) = pair(&cluster).await;
    first.stops().await;
    let given_back = Instant::now();
    second.lead.gained().await;
    assert!(given_back.elapsed() <= LOOK, "{:?}", given_back.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_reaches_nobody_stops_writing_well_before_the_other_begins() {
    let cluster = FakeCluster::new();
    let (first, second) = pair(&cluster).await;
    let number = first.lead.gained().await;
    first.wire.stop();
    let cut = Instant::now();
    first.lead.lost(number).await;
    assert!(cut.elapsed() <= WRITES, "{:?}", cut.elapsed());
    let closed = Instant::now();
    second.lead.gained().await;
    assert!(closed.elapsed() >= Duration::from_secs(3), "{:?}", closed.elapsed());
    // Its late renewals land now, on a lease that is another's.
    first.wire.go_on().await;
    assert_eq!(leaders(&[&first, &second], Duration::from_mins(1)).await, (1, 1));
    assert!(second.lead.leads());
}

#[tokio::test(start_paused = true)]
async fn wall_clocks_that_are_hours_off_or_stand_still_change_nothing() {
    let cluster = FakeCluster::new();
    let hour = Duration::from_hours(1);
    let clocks = [
        RuntimeClock::at(NOW.plus(hour)),
        RuntimeClock::at(NOW.minus(hour)),
        RuntimeClock::with_a_dead_wall_clock(NOW),
    ];
    let mut all: Vec<Replica> = clocks
        .into_iter()
        .zip(1..)
        .map(|(clock, seed)| replica_by(&cluster, seed, Arc::new(clock)))
        .collect();
    // Each of them leads in its turn.
    while !all.is_empty() {
        sleep(TERM + 2 * LOOK).await;
        let (most, least) = leaders(&all.iter().collect::<Vec<_>>(), Duration::from_mins(5)).await;
        assert_eq!((most, least), (1, 1), "with {} replicas", all.len());
        let leader = all.iter().position(|replica| replica.lead.leads()).unwrap();
        drop(all.remove(leader));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_deletes_or_signs_over_never_has_two_leaders() {
    for change in ["delete", "sign over"] {
        let cluster = FakeCluster::new();
        let (first, second) = pair(&cluster).await;
        if change == "delete" {
            cluster.remove("leases", "wickr-system", "wickr-operator");
        } else {
            cluster.edit("leases", "wickr-system", "wickr-operator", "somebody", |lease| {
                lease["spec"]["holderIdentity"] = "nobody".into();
            });
        }
        let (most, _) = leaders(&[&first, &second], TERM + 3 * LOOK).await;
        assert_eq!(most, 1, "{change}");
        assert_eq!(leaders(&[&first, &second], Duration::from_mins(1)).await, (1, 1), "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_shorter_than_the_term_move_nothing_and_a_missing_right_is_told() {
    let cluster = FakeCluster::new();
    let (first, second) = pair(&cluster).await;
    cluster.fault(Fault::next("", "leases", 4, 500));
    assert_eq!(leaders(&[&first, &second], Duration::from_secs(30)).await, (1, 1));
    assert!(first.lead.leads());
    cluster.fault(Fault::forbidden("update", "leases"));
    sleep(WRITES + LOOK).await;
    let told = first.lead.standing();
    let wanted =
        "grant the operator the verb update on leases.coordination.k8s.io in namespace \"wickr-system\"";
    assert!(
        matches!(&told, Standing::Failing { forbidden: true, reason } if reason.contains(wanted)),
        "{told:?}"
    );
    cluster.heal();
    sleep(TERM + 2 * LOOK).await;
    assert_eq!(leaders(&[&first, &second], Duration::from_secs(30)).await, (1, 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_keeps_a_lease_notices_that_the_store_went_back() {
    let (cluster, history) = (FakeCluster::new(), History::default());
    let requests = Metrics::new(&wickr_telemetry::Metrics::new("operator")).unwrap().requests();
    let clock = Arc::new(RuntimeClock::at(NOW));
    let at = Key::new("wickr-system", "wickr-operator");
    let keeper = Keeper::new(cluster.client(), at, "pod", clock, &SeededRng::new(1), requests);
    let (mut keeper, mut went_back) = (keeper.noting(history.clone()), history.turns());
    let lead = keeper.lead();
    tokio::spawn(async move { keeper.run().await });
    sleep(TERM).await;
    let copied = cluster.copy();
    sleep(TERM).await;
    assert!(!went_back.has_changed().unwrap(), "{history:?}");
    cluster.put_back(&copied);
    tokio::time::timeout(WRITES, went_back.changed()).await.unwrap().unwrap();
    assert!(lead.leads(), "it goes on leading");
}
