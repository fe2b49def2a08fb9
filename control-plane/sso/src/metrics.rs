//! The numbers that sso tells. No label says who.

use prometheus::{HistogramVec, IntCounter, IntCounterVec};
use wickr_telemetry::{Metrics, MetricsError, Unit};

/// Seconds that a provider took: 5 s is the limit.
const PROVIDER_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// How a sign-in ended, for the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    RefusedByProvider,
    FailedCheck,
    RefusedHere,
    Expired,
}

impl Outcome {
    const ALL: [Self; 5] =
        [Self::Completed, Self::RefusedByProvider, Self::FailedCheck, Self::RefusedHere, Self::Expired];

    fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RefusedByProvider => "refused_by_provider",
            Self::FailedCheck => "failed_check",
            Self::RefusedHere => "refused_here",
            Self::Expired => "expired",
        }
    }
}

/// What a provider is asked for, for the label `operation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Look,
    BeginDeviceGrant,
    AskDeviceGrant,
    ExchangeCode,
    Refresh,
    GiveBack,
    Rehearse,
}

impl Operation {
    const ALL: [Self; 7] = [
        Self::Look,
        Self::BeginDeviceGrant,
        Self::AskDeviceGrant,
        Self::ExchangeCode,
        Self::Refresh,
        Self::GiveBack,
        Self::Rehearse,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::BeginDeviceGrant => "begin_device_grant",
            Self::AskDeviceGrant => "ask_device_grant",
            Self::ExchangeCode => "exchange_code",
            Self::Refresh => "refresh",
            Self::GiveBack => "give_back",
            Self::Rehearse => "rehearse",
        }
    }
}

/// sso's metrics.
#[derive(Debug)]
pub(crate) struct SsoMetrics {
    sign_ins: IntCounterVec,
    certificates: IntCounterVec,
    pub(crate) session_tokens: IntCounter,
    pub(crate) sessions_ended_by_provider: IntCounter,
    pub(crate) devices_revoked: IntCounter,
    provider: HistogramVec,
    refusals: IntCounterVec,
}

impl SsoMetrics {
    pub(crate) fn declare(metrics: &Metrics) -> Result<Self, MetricsError> {
        let declared = Self {
            sign_ins: metrics.counters(
                "sign_ins",
                Unit::Count,
                "Sign-ins that have ended, by outcome.",
                &["outcome"],
            )?,
            certificates: metrics.counters(
                "device_certificates",
                Unit::Count,
                "Device certificates issued, first ones and renewed ones.",
                &["kind"],
            )?,
            session_tokens: metrics.counter("session_tokens", Unit::Count, "Session tokens issued.")?,
            sessions_ended_by_provider: metrics.counter(
                "sessions_ended_by_provider",
                Unit::Count,
                "Sessions that ended because the identity provider no longer honoured their refresh token.",
            )?,
            devices_revoked: metrics.counter("devices_revoked", Unit::Count, "Devices revoked.")?,
            provider: metrics.histograms(
                "provider_request",
                Unit::Seconds,
                "Time that the identity provider took, by operation.",
                PROVIDER_BUCKETS,
                &["operation"],
            )?,
            refusals: metrics.counters(
                "refusals",
                Unit::Count,
                "Requests refused, by problem code.",
                &["code"],
            )?,
        };
        // Labels start at zero, so that a first event is seen as an increase.
        for outcome in Outcome::ALL {
            declared.sign_ins.with_label_values(&[outcome.as_str()]);
        }
        for kind in ["first", "renewed"] {
            declared.certificates.with_label_values(&[kind]);
        }
        for operation in Operation::ALL {
            declared.provider.with_label_values(&[operation.as_str()]);
        }
        for code in wickr_wire::ProblemCode::ALL {
            declared.refusals.with_label_values(&[code.as_str()]);
        }
        Ok(declared)
    }

    pub(crate) fn sign_in(&self, outcome: Outcome) {
        self.sign_ins.with_label_values(&[outcome.as_str()]).inc();
    }

    pub(crate) fn certificate(&self, renewed: bool) {
        let kind = if renewed { "renewed" } else { "first" };
        self.certificates.with_label_values(&[kind]).inc();
    }

    pub(crate) fn provider(&self, operation: Operation, took: std::time::Duration) {
        self.provider.with_label_values(&[operation.as_str()]).observe(took.as_secs_f64());
    }

    pub(crate) fn refusal(&self, code: &str) {
        self.refusals.with_label_values(&[code]).inc();
    }
}
