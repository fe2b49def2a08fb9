//! What every engine behind the directory's port must do; each function is one sentence it proves.
//!
//! An engine's tests call [`crate::directory_conformance!`] with an async function that opens an empty one.

#![expect(clippy::unwrap_used, reason = "a suite of tests, compiled only for tests of engines")]
#![expect(missing_docs, reason = "each function's name is the sentence it proves")]

use std::time::Duration;

use wickr_base::{DeviceId, Handle, Rng, SeededRng, UnixMillis, UserId};
use wickr_model::{
    CertificateLife, ChangeKind, Device, DeviceKey, Ended, Flow, FlowId, Person, ProviderRecord, ProviderRef,
    RefusedBy, Sealed, Session, SessionId, Stage, Subject, User, Way,
};

use super::{Directory, DirectoryError};

/// Makes one `#[tokio::test]` of each sentence; `$open` gives a directory and what must outlive it.
#[macro_export]
macro_rules! directory_conformance {
    ($open:path) => {
        $crate::directory_conformance! { $open =>
            what_is_not_committed_leaves_nothing_behind
            a_user_is_found_by_id_subject_and_exact_handle
            a_second_user_with_the_same_subject_or_handle_is_refused
            a_renamed_user_is_found_by_the_new_handle_only
            a_device_reads_back_and_keeps_its_key
            a_revoked_device_is_found_but_not_counted
            a_device_has_one_session_and_the_latest_counts
            a_sign_in_reads_back_at_every_stage_and_either_way
            ended_sign_ins_are_removed_and_others_stay
            adopting_keeps_exactly_the_provider_before
            changes_are_numbered_in_order_and_read_from_a_number_on
            writers_queue_and_readers_see_one_state
        }
    };
    ($open:path => $($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            let (directory, _guard) = $open().await;
            $crate::directory::conformance::$name(&directory).await;
        })*
    };
}

fn rng() -> SeededRng {
    SeededRng::new(11)
}

fn handle(local: &str) -> Handle {
    Handle::new(local, "hq.example".parse().unwrap()).unwrap()
}

fn provider() -> ProviderRef {
    ProviderRef { issuer: "https://idp.example".to_owned(), client_id: "wickr".to_owned() }
}

fn user(name: &str, rng: &dyn Rng) -> User {
    User {
        id: UserId::random(rng),
        subject: Subject { issuer: provider().issuer, subject: format!("subject of {name}") },
        handle: handle(name),
        created_at: UnixMillis(1_000),
    }
}

fn device(of: &User, key: u8, rng: &dyn Rng) -> Device {
    Device {
        id: DeviceId::random(rng),
        user: of.id,
        key: DeviceKey { spki: vec![key; 91], thumbprint: format!("thumb {key}") },
        certificate: vec![3; 600],
        life: CertificateLife { not_before: UnixMillis(5), not_after: UnixMillis(6) },
        created_at: UnixMillis(i64::from(key)),
        revoked_at: None,
    }
}

fn flow(way: Way, rng: &dyn Rng) -> Flow {
    Flow {
        id: FlowId::random(rng),
        key: DeviceKey { spki: vec![9; 91], thumbprint: "thumb".to_owned() },
        provider: provider(),
        way,
        stage: Stage::Waiting,
        expires_at: UnixMillis(10_000),
    }
}

fn by_code(state: u8) -> Way {
    Way::Code { state_hash: [state; 32], nonce: "nonce".to_owned(), verifier: Sealed(vec![1, 2]) }
}

fn by_device() -> Way {
    Way::Device { device_code: Sealed(vec![3]), interval: Duration::from_secs(5), ask_at: UnixMillis(77) }
}

fn record(generation: &str) -> ProviderRecord {
    ProviderRecord {
        generation: generation.to_owned(),
        provider: provider(),
        client_secret: Sealed(vec![8; 40]),
        ca_bundle_pem: Some("pem".to_owned()),
        scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
        username_claim: "preferred_username".to_owned(),
        refresh_grace: Duration::from_hours(1),
        adopted_at: UnixMillis(4),
    }
}

/// A directory with alice in it.
async fn with_alice(directory: &dyn Directory) -> User {
    let alice = user("alice", &rng());
    let mut work = directory.begin().await.unwrap();
    work.users().add(&alice).await.unwrap();
    work.commit().await.unwrap();
    alice
}

pub async fn what_is_not_committed_leaves_nothing_behind(directory: &dyn Directory) {
    let alice = user("alice", &rng());
    let mut work = directory.begin().await.unwrap();
    work.users().add(&alice).await.unwrap();
    assert_eq!(work.users().lookup(alice.id).await.unwrap(), Some(alice.clone()), "seen inside");
    drop(work);
    let mut work = directory.read().await.unwrap();
    assert_eq!(work.users().lookup(alice.id).await.unwrap(), None);
}

pub async fn a_user_is_found_by_id_subject_and_exact_handle(directory: &dyn Directory) {
    let alice = with_alice(directory).await;
    let mut work = directory.read().await.unwrap();
    assert_eq!(work.users().lookup(alice.id).await.unwrap().as_ref(), Some(&alice));
    assert_eq!(work.users().lookup_subject(&alice.subject).await.unwrap().as_ref(), Some(&alice));
    assert_eq!(work.users().lookup_handle(&alice.handle).await.unwrap().as_ref(), Some(&alice));
    for other in ["alic", "alice2", "%", "a_ice"] {
        assert_eq!(work.users().lookup_handle(&handle(other)).await.unwrap(), None, "{other}");
    }
    assert_eq!(work.users().count().await.unwrap(), 1);
}

pub async fn a_second_user_with_the_same_subject_or_handle_is_refused(directory: &dyn Directory) {
    let alice = with_alice(directory).await;
    let other = user("bob", &SeededRng::new(12));
    for twin in [
        User { subject: alice.subject.clone(), ..other.clone() },
        User { handle: alice.handle.clone(), ..other.clone() },
    ] {
        let mut work = directory.begin().await.unwrap();
        let refused = work.users().add(&twin).await;
        assert!(matches!(refused, Err(DirectoryError::Exists { .. })), "{refused:?}");
    }
}

pub async fn a_renamed_user_is_found_by_the_new_handle_only(directory: &dyn Directory) {
    let alice = with_alice(directory).await;
    let renamed = User { handle: handle("ally"), ..alice.clone() };
    let mut work = directory.begin().await.unwrap();
    work.users().save(&renamed).await.unwrap();
    work.commit().await.unwrap();
    let mut work = directory.read().await.unwrap();
    assert_eq!(work.users().lookup_handle(&alice.handle).await.unwrap(), None);
    assert_eq!(work.users().lookup_handle(&renamed.handle).await.unwrap(), Some(renamed));
}

pub async fn a_device_reads_back_and_keeps_its_key(directory: &dyn Directory) {
    let alice = with_alice(directory).await;
    let rng = SeededRng::new(20);
    let (first, second) = (device(&alice, 1, &rng), device(&alice, 2, &rng));
    let mut work = directory.begin().await.unwrap();
    work.devices().add(&second).await.unwrap();
    work.devices().add(&first).await.unwrap();
    let renewed = first
        .clone()
        .renewed(vec![4; 10], CertificateLife { not_before: UnixMillis(7), not_after: UnixMillis(8) });
    work.devices().save(&renewed).await.unwrap();
    work.commit().await.unwrap();
    let mut work = directory.begin().await.unwrap();
    assert_eq!(work.devices().lookup(first.id).await.unwrap().as_ref(), Some(&renewed));
    assert_eq!(work.devices().lookup_key(&first.key.spki).await.unwrap().as_ref(), Some(&renewed));
    assert_eq!(work.devices().lookup_key(b"else").await.unwrap(), None);
    assert_eq!(work.devices().list(alice.id).await.unwrap(), [renewed, second], "oldest first");
    let twin = Device { id: DeviceId::random(&rng), ..first };
    assert!(matches!(work.devices().add(&twin).await, Err(DirectoryError::Exists { .. })));
}

pub async fn a_revoked_device_is_found_but_not_counted(directory: &dyn Directory) {
    let alice = with_alice(directory).await;
    let phone = device(&alice, 1, &SeededRng::new(20));
    let mut work = directory.begin().await.unwrap();
    work.devices().add(&phone).await.unwrap();
    assert_eq!(work.devices().count_of(alice.id).await.unwrap(), 1);
    let revoked = phone.revoke(UnixMillis(9)).unwrap();
    work.devices().save(&revoked).await.unwrap();
    assert_eq!(work.devices().lookup_key(&revoked.key.spki).await.unwrap(), Some(revoked));
    assert_eq!(work.devices().count_of(alice.id).await.unwrap(), 0);
    assert_eq!(work.devices().count().await.unwrap(), 0);
}

pub async fn a_device_has_one_session_and_the_latest_counts(directory: &dyn Directory) {
    let alice = with_alice(directory).await;
    let rng = SeededRng::new(20);
    let phone = device(&alice, 1, &rng);
    let start = |at| {
        Session::start(SessionId::random(&rng), phone.id, provider(), Some(Sealed(vec![1])), UnixMillis(at))
    };
    let (first, second) = (start(1), start(2));
    let mut work = directory.begin().await.unwrap();
    work.devices().add(&phone).await.unwrap();
    assert_eq!(work.sessions().lookup(phone.id).await.unwrap(), None);
    work.sessions().save(&first).await.unwrap();
    work.sessions().save(&second).await.unwrap();
    assert_eq!(work.sessions().lookup(phone.id).await.unwrap().as_ref(), Some(&second));
    for why in [Ended::SignedOut, Ended::ByProvider, Ended::Revoked] {
        let ended = second.clone().end(why);
        work.sessions().save(&ended).await.unwrap();
        assert_eq!(work.sessions().lookup(phone.id).await.unwrap(), Some(ended));
    }
}

pub async fn a_sign_in_reads_back_at_every_stage_and_either_way(directory: &dyn Directory) {
    let rng = SeededRng::new(20);
    let person = Person {
        subject: Subject { issuer: "https://idp.example".to_owned(), subject: "s".to_owned() },
        username: "alice".to_owned(),
    };
    let stages = [
        Stage::Waiting,
        Stage::SignedIn { person: person.clone(), refresh: None },
        Stage::SignedIn { person, refresh: Some(Sealed(vec![5])) },
        Stage::Done { device: DeviceId::random(&rng) },
        Stage::Refused { by: RefusedBy::Provider, detail: "access_denied".to_owned() },
        Stage::Refused { by: RefusedBy::Check, detail: "nonce".to_owned() },
        Stage::Refused { by: RefusedBy::Time, detail: "late".to_owned() },
    ];
    let mut work = directory.begin().await.unwrap();
    for way in [by_code(1), by_device()] {
        let begun = flow(way, &rng);
        work.flows().add(&begun).await.unwrap();
        for stage in stages.clone() {
            let flow = begun.clone().slowed(UnixMillis(100)).at(stage);
            work.flows().save(&flow).await.unwrap();
            assert_eq!(work.flows().lookup(flow.id).await.unwrap(), Some(flow));
        }
    }
    let found = work.flows().lookup_state(&[1; 32]).await.unwrap();
    assert!(matches!(found, Some(Flow { way: Way::Code { state_hash, .. }, .. }) if state_hash == [1; 32]));
    assert_eq!(work.flows().lookup_state(&[2; 32]).await.unwrap(), None);
}

pub async fn ended_sign_ins_are_removed_and_others_stay(directory: &dyn Directory) {
    let rng = SeededRng::new(20);
    let (old, young) =
        (flow(by_code(1), &rng), Flow { expires_at: UnixMillis(20_000), ..flow(by_device(), &rng) });
    let mut work = directory.begin().await.unwrap();
    work.flows().add(&old).await.unwrap();
    work.flows().add(&young).await.unwrap();
    assert_eq!(work.flows().count().await.unwrap(), 2);
    assert_eq!(work.flows().remove_ended(UnixMillis(10_001)).await.unwrap(), 1);
    assert_eq!(work.flows().lookup(old.id).await.unwrap(), None);
    assert_eq!(work.flows().lookup(young.id).await.unwrap(), Some(young));
}

pub async fn adopting_keeps_exactly_the_provider_before(directory: &dyn Directory) {
    let mut work = directory.begin().await.unwrap();
    assert_eq!(work.providers().active().await.unwrap(), None);
    for generation in ["one", "two", "three"] {
        work.providers().adopt(&record(generation)).await.unwrap();
    }
    work.commit().await.unwrap();
    let mut work = directory.read().await.unwrap();
    assert_eq!(work.providers().active().await.unwrap(), Some(record("three")));
    assert_eq!(work.providers().previous().await.unwrap(), Some(record("two")));
}

pub async fn changes_are_numbered_in_order_and_read_from_a_number_on(directory: &dyn Directory) {
    let rng = SeededRng::new(20);
    let (user, device) = (UserId::random(&rng), DeviceId::random(&rng));
    let mut work = directory.begin().await.unwrap();
    assert_eq!(work.changes().head().await.unwrap(), 0);
    let mut added = Vec::new();
    for kind in
        [ChangeKind::DeviceRevoked, ChangeKind::SessionEnded(SessionId([7; 16])), ChangeKind::DeviceRevoked]
    {
        added.push(work.changes().add(kind, user, device, UnixMillis(5)).await.unwrap());
    }
    work.commit().await.unwrap();
    let mut work = directory.read().await.unwrap();
    assert_eq!(added.iter().map(|change| change.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(work.changes().list(0, 10).await.unwrap(), added);
    assert_eq!(work.changes().list(1, 1).await.unwrap(), added[1..2]);
    assert_eq!(work.changes().list(u64::MAX, 1).await.unwrap(), []);
    assert_eq!(work.changes().head().await.unwrap(), 3);
}

pub async fn writers_queue_and_readers_see_one_state(directory: &dyn Directory) {
    let alice = with_alice(directory).await;
    let mut reader = directory.read().await.unwrap();
    assert_eq!(reader.users().count().await.unwrap(), 1);
    let mut first = directory.begin().await.unwrap();
    let second = directory.begin();
    first.users().add(&user("bob", &SeededRng::new(12))).await.unwrap();
    first.commit().await.unwrap();
    let mut second = second.await.unwrap();
    assert_eq!(second.users().count().await.unwrap(), 2, "what the writer before left");
    assert_eq!(reader.users().count().await.unwrap(), 1, "still the state it began with");
    assert_eq!(reader.users().lookup(alice.id).await.unwrap(), Some(alice));
}
