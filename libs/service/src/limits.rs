//! How much a port takes on, and the layers that see to it; every refusal is a problem.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use prometheus::{HistogramVec, IntCounterVec};
use tokio::sync::Semaphore;
use wickr_base::Clock;
use wickr_telemetry::{Metrics, MetricsError, Unit};
use wickr_wire::ProblemCode;

use crate::refuse;

/// How much a port takes on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Of these, from one address, those whose other end has not said who it is ([`crate::Stranger`]).
    pub strangers: usize,
    /// Handshakes at a time.
    pub handshakes: usize,
    /// For a handshake, waiting for a turn included.
    pub handshake_time: Duration,
    /// For a request's head to arrive; also how long a connection may idle between requests.
    pub header_time: Duration,
    /// For a request to be answered (an upgrade is answered at once).
    pub request_time: Duration,
    /// Requests at a time.
    pub requests: usize,
    /// Bytes of a body.
    pub body: usize,
}

impl Limits {
    /// For clients.
    pub const PUBLIC: Self = Self {
        connections: 20_000,
        // Many devices may come from one address (NAT, a load balancer); but none may take all places.
        strangers: 10_000,
        handshakes: 128,
        handshake_time: Duration::from_secs(10),
        header_time: Duration::from_secs(15),
        request_time: Duration::from_secs(30),
        requests: 1_000,
        body: 64 * 1024,
    };

    /// For operator and services; long polls wait up to 25 s.
    pub const ADMIN: Self = Self {
        connections: 200,
        strangers: 200,
        handshakes: 16,
        handshake_time: Duration::from_secs(5),
        header_time: Duration::from_secs(65),
        request_time: Duration::from_mins(1),
        requests: 200,
        body: 512 * 1024,
    };

    /// For probes and metrics.
    pub const METRICS: Self = Self {
        connections: 50,
        strangers: 50,
        handshakes: 1,
        handshake_time: Duration::from_secs(5),
        header_time: Duration::from_secs(65),
        request_time: Duration::from_secs(10),
        requests: 50,
        body: 1024,
    };
}

/// Numbers of requests.
#[derive(Debug, Clone)]
pub(crate) struct RequestMeters {
    answered: IntCounterVec,
    seconds: HistogramVec,
}

impl RequestMeters {
    pub(crate) fn declare(metrics: &Metrics) -> Result<Self, MetricsError> {
        const BUCKETS: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0];
        Ok(Self {
            answered: metrics.counters(
                "requests",
                Unit::Count,
                "Requests answered, by port, route and status.",
                &["port", "route", "status"],
            )?,
            seconds: metrics.histograms(
                "request",
                Unit::Seconds,
                "Time from a request's head to the answer's head, by port and route.",
                BUCKETS,
                &["port", "route"],
            )?,
        })
    }
}

struct Guard {
    port: &'static str,
    limits: Limits,
    turns: Semaphore,
    meters: RequestMeters,
    clock: Arc<dyn Clock>,
}

/// Puts the limits, the problems for unknown routes and the numbers around a port's routes.
pub(crate) fn guard(
    routes: Router,
    port: &'static str,
    limits: Limits,
    meters: RequestMeters,
    clock: Arc<dyn Clock>,
) -> Router {
    let turns = Semaphore::new(limits.requests);
    let guard = Arc::new(Guard { port, limits, turns, meters, clock });
    routes
        .fallback(|| async { refuse(ProblemCode::NotFound, "There is nothing at this address.") })
        .method_not_allowed_fallback(|| async {
            refuse(ProblemCode::NotFound, "This address doesn't take this method.")
        })
        .layer(DefaultBodyLimit::max(limits.body))
        .layer(from_fn_with_state(guard, watch_over))
}

async fn watch_over(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    let began = guard.clock.elapsed();
    let response = match guard.turns.try_acquire() {
        Err(_) => refuse(ProblemCode::Busy, "Too many requests run at this moment.").into_response(),
        Ok(_turn) => match tokio::time::timeout(guard.limits.request_time, next.run(request)).await {
            Ok(response) => response,
            Err(_) => refuse(ProblemCode::Busy, "The answer took too long.").into_response(),
        },
    };
    let took = guard.clock.elapsed().saturating_sub(began).as_secs_f64();
    guard.meters.seconds.with_label_values(&[guard.port, route]).observe(took);
    guard.meters.answered.with_label_values(&[guard.port, route, response.status().as_str()]).inc();
    response
}
