//! The life of the webhook's certificate: made, prepared, turned, replaced; never served before it is trusted.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::time::Duration;

use wickr_base::{SeededRng, UnixMillis};
use wickr_operator_webhook::certificate::{Data, Kept, LIFE, OVERLAP, Step, Why, end};
use wickr_pki::{SKEW, certificates_from_pem};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const HOST: &str = "wickr-operator-webhook.wickr-system.svc";
const SECOND: Duration = Duration::from_secs(1);

fn rng() -> SeededRng {
    SeededRng::new(7)
}

fn first() -> Kept {
    Kept::begin(None, HOST, &rng(), NOW).unwrap()
}

fn step(kept: &Kept, now: UnixMillis) -> Step {
    kept.due(kept.trusted().as_bytes(), HOST, now)
}

fn stored(data: Data) -> BTreeMap<String, Vec<u8>> {
    data.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn trusts(kept: &Kept) -> usize {
    certificates_from_pem(kept.trusted().as_bytes()).unwrap().len()
}

#[test]
fn a_certificate_is_turned_only_after_the_next_one_was_trusted_for_a_while() {
    let first = first();
    let due = NOW.plus(LIFE.mul_f64(0.67));
    assert_eq!(step(&first, NOW.plus(LIFE / 2)), Step::Nothing);
    let Step::Prepare(Why::Ending(at)) = step(&first, due) else { panic!("{:?}", step(&first, due)) };
    assert_eq!(at, end(&first.current).unwrap());
    let prepared = first.prepare(HOST, &rng(), due).unwrap();
    assert_eq!((&prepared.current.certificate, trusts(&prepared)), (&first.current.certificate, 2));
    assert_eq!(step(&prepared, due.plus(OVERLAP.saturating_sub(SECOND))), Step::Nothing);
    // However long ago it was made: who isn't trusted is not served.
    assert_eq!(prepared.due(first.trusted().as_bytes(), HOST, due.plus(OVERLAP * 9)), Step::Nothing);
    assert_eq!(step(&prepared, due.plus(OVERLAP)), Step::Turn);
    let turned = prepared.clone().turn();
    assert_eq!(turned.current.certificate, prepared.next.unwrap().certificate);
    assert_eq!((turned.previous.clone().unwrap(), trusts(&turned)), (first.current.certificate, 2));
    assert_eq!(step(&turned, due.plus(OVERLAP)), Step::Nothing);
    let again = turned.prepare(HOST, &rng(), due.plus(LIFE)).unwrap();
    assert_eq!(
        (again.previous.is_none(), trusts(&again)),
        (true, 2),
        "what nobody serves any more is forgotten"
    );
}

#[test]
fn one_that_cannot_be_served_is_replaced_at_once_and_stays_trusted_for_who_serves_it_still() {
    let first = first();
    for (now, host, why) in [
        (NOW.plus(LIFE), HOST, Why::Ended(end(&first.current).unwrap())),
        (NOW.minus(SKEW + SECOND), HOST, Why::Early(NOW.minus(SKEW))),
        (NOW, "other.wickr-system.svc", Why::Name("other.wickr-system.svc".to_owned())),
    ] {
        assert_eq!(first.due(first.trusted().as_bytes(), host, now), Step::Begin(why));
    }
    let replaced = Kept::begin(Some(&first), HOST, &rng(), NOW.plus(LIFE)).unwrap();
    assert_eq!(replaced.previous, Some(first.current.certificate));
}

#[test]
fn when_the_current_one_has_ended_the_next_one_does_not_wait() {
    let first = first();
    let late = NOW.plus(LIFE.saturating_sub(Duration::from_mins(1)));
    let prepared = first.prepare(HOST, &rng(), late).unwrap();
    assert_eq!(step(&prepared, late.plus(SECOND)), Step::Nothing);
    assert_eq!(prepared.due(b"", HOST, NOW.plus(LIFE)), Step::Turn);
    let far = NOW.plus(LIFE * 3);
    assert!(matches!(step(&prepared, far), Step::Begin(Why::Ended(_))), "both have ended");
}

#[test]
fn what_is_stored_is_read_again_and_what_is_no_pair_is_not() {
    let turned = first().prepare(HOST, &rng(), NOW).unwrap().turn();
    let read = Kept::read(&stored(turned.data())).unwrap();
    assert_eq!(read.trusted(), turned.trusted());
    assert!(turned.data()["next.key"].is_none(), "a key that is no longer needed is taken away");
    let mut broken = stored(turned.data());
    broken.insert("tls.key".to_owned(), stored(first().data())["tls.key"].clone());
    assert!(Kept::read(&broken).unwrap_err().to_string().contains("does not belong"));
    broken.remove("tls.key");
    assert!(Kept::read(&broken).unwrap_err().to_string().contains("no tls.crt with tls.key"));
}
