//! Looks after all connections once a second: expired sessions, silent peers, idle rooms, the drain, the figures.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wickr_base::UnixMillis;
use wickr_service::Shutdown;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{DocumentChanged, relay_frame};

use crate::acknowledge;
use crate::frames;
use crate::outbox::{Connection, Outgoing};
use crate::relay::Relay;

const EVERY: Duration = Duration::from_secs(1);

/// To authenticate, from the opening of the connection; milliseconds like all below.
const AUTHENTICATE_WITHIN: u64 = 10_000;
/// Silence after which the other side is asked whether it is there.
const PING_AFTER: u64 = 30_000;
/// Silence after which it is taken to be gone.
const GONE_AFTER: u64 = 120_000;

/// Sweeps until it is dropped.
pub(crate) async fn sweep(relay: Arc<Relay>, shutdown: Shutdown) {
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tick.tick().await;
        let (now, ticks, draining) = (relay.clock.now(), relay.ticks(), shutdown.is_draining());
        for connection in relay.live.connections() {
            if draining {
                connection.end(ProblemCode::Draining, "the relay is shutting down; connect again");
            } else {
                look_at(&connection, now, ticks);
            }
        }
        relay.limits.sweep(relay.clock.elapsed());
        relay.meters.live_rooms.set(i64::try_from(relay.rooms.drop_idle()).unwrap_or(i64::MAX));
        relay.meters.changes_age.set(relay.following.age(relay.clock.elapsed()).as_secs_f64());
        relay.meters.store_time_ahead.set(ahead(relay.now(), now));
        relay.meters.queue.set(i64::try_from(relay.store.waiting()).unwrap_or(i64::MAX));
    }
}

/// By how many seconds the store's time is ahead of the clock; negative while the clock is doubted.
fn ahead(store: UnixMillis, clock: UnixMillis) -> f64 {
    store.since(clock).as_secs_f64() - clock.since(store).as_secs_f64()
}

/// What one connection is due.
fn look_at(connection: &Connection, now: UnixMillis, ticks: u64) {
    let since = |then: u64| ticks.saturating_sub(then);
    let (expires, heard) =
        (connection.expires_at.load(Ordering::Relaxed), connection.heard.load(Ordering::Relaxed));
    if expires == 0 && since(connection.opened) >= AUTHENTICATE_WITHIN {
        connection.end(ProblemCode::Unauthenticated, "nobody has authenticated in time");
    } else if expires != 0 && expires <= now.0 {
        connection
            .end(ProblemCode::SessionExpired, "the session token has expired; get a new one, connect again");
    }
    if since(heard) >= GONE_AFTER {
        connection.cut.notify_one();
    } else if since(heard.max(connection.pinged.load(Ordering::Relaxed))) >= PING_AFTER {
        connection.pinged.store(ticks, Ordering::Relaxed);
        connection.send(Outgoing::Ping);
    }
}

/// Tells everybody at once when the drain begins.
pub(crate) async fn drain(relay: Arc<Relay>, shutdown: Shutdown) {
    shutdown.draining().await;
    for connection in relay.live.connections() {
        connection.end(ProblemCode::Draining, "the relay is shutting down; connect again");
    }
    std::future::pending::<()>().await;
}

/// Tells everybody of a new network document.
pub(crate) async fn announce(relay: Arc<Relay>) {
    let mut documents = relay.documents.clone();
    while documents.changed().await.is_ok() {
        let Some(number) = documents.borrow_and_update().as_ref().map(|held| held.document.number) else {
            continue;
        };
        let frame = frames::body(relay_frame::Body::DocumentChanged(DocumentChanged { number }));
        for connection in relay.live.connections() {
            connection.send(Outgoing::Frame(frame.clone()));
        }
    }
}

/// Writes acknowledgements at intervals.
pub(crate) async fn acknowledge(relay: Arc<Relay>) {
    let mut tick = tokio::time::interval(acknowledge::GATHER);
    loop {
        tick.tick().await;
        relay.write_acknowledged();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_with(connection: &Connection, now: i64, ticks: u64) -> Option<ProblemCode> {
        look_at(connection, UnixMillis(now), ticks);
        connection.take().goodbye.map(|goodbye| goodbye.code)
    }

    #[test]
    fn who_does_not_authenticate_in_time_is_sent_away() {
        let connection = Connection::new(5_000);
        assert_eq!(ends_with(&connection, 0, 14_999), None);
        assert_eq!(ends_with(&connection, 0, 15_000), Some(ProblemCode::Unauthenticated));
    }

    #[test]
    fn a_session_ends_at_its_time_unless_a_new_token_came() {
        let connection = Connection::new(0);
        connection.expires_at.store(1_000, Ordering::Relaxed);
        assert_eq!(ends_with(&connection, 999, 20_000), None);
        connection.expires_at.store(2_000, Ordering::Relaxed);
        assert_eq!(ends_with(&connection, 1_000, 20_000), None);
        assert_eq!(ends_with(&connection, 2_000, 20_000), Some(ProblemCode::SessionExpired));
    }

    #[test]
    fn the_store_may_be_ahead_of_the_clock_or_behind_it() {
        for (store, clock, seconds) in [(3_000, 1_000, 2.0), (1_000, 3_000, -2.0), (7, 7, 0.0)] {
            let ahead = ahead(UnixMillis(store), UnixMillis(clock));
            assert!((ahead - seconds).abs() < 1e-9, "{ahead}");
        }
    }

    #[test]
    fn a_silent_peer_is_asked_once_every_half_minute() {
        let connection = Connection::new(0);
        connection.expires_at.store(i64::MAX, Ordering::Relaxed);
        let pings = |ticks| {
            look_at(&connection, UnixMillis(0), ticks);
            connection.take().queue.len()
        };
        assert_eq!([pings(29_999), pings(30_000), pings(31_000), pings(60_000)], [0, 1, 0, 1]);
    }
}
