//! Which certificates end soon, while there is time to do something about it (which are renewed now: `plan/keys`).

use std::fmt;
use std::time::Duration;

use wickr_base::UnixMillis;

use super::rotation::ROTATING;
use super::valid::PublicTlsSource;
use super::{CertificateSeen, KeySlot, NetworkSeen, ValidNetwork};
use crate::Names;

/// How long before its end a durable certificate is told of: twice a device certificate's life, so that whoever
/// is on leave for a quarter still has another one to act in.
pub const DURABLE_NOTICE: Duration = Duration::from_hours(180 * 24);
/// How long before its end a certificate that somebody gave us is told of.
pub const GIVEN_NOTICE: Duration = Duration::from_hours(21 * 24);

/// A certificate that somebody should do something about before it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// One word for programs.
    pub(super) reason: &'static str,
    /// Its Secret, with the field that names it if one does.
    pub(super) object: String,
    /// When it ends.
    pub(super) at: UnixMillis,
    /// What ends with it, or why it wasn't renewed.
    pub(super) message: &'static str,
    /// What to do about it.
    pub(super) next: &'static str,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ends at {}: {}. Next: {}.", self.object, self.at, self.message, self.next)
    }
}

/// Every certificate that ends soon, the first to end first. The given one is known only of a valid spec.
pub(super) fn endings(
    names: &Names,
    seen: &NetworkSeen,
    network: Option<&ValidNetwork>,
    now: UnixMillis,
) -> Vec<Ending> {
    let secret = |name: &str| format!("Secret {}/{name}", names.namespace);
    let kept = KeySlot::ALL.into_iter().filter_map(|slot| {
        // Whoever ends with its issuer is renewed when that is: it alone is told of.
        if is_renewed(slot) && seen.ends_with_its_issuer(slot) {
            return None;
        }
        let (reason, message, next) = judge(slot, seen.certificate(slot)?, now)?;
        let at = seen.certificate(slot)?.not_after;
        Some(Ending { reason, object: secret(&names.secret(slot)), at, message, next })
    });
    let given = network.and_then(|network| match &network.exposure.tls {
        PublicTlsSource::Given { secret: name, not_before, not_after, .. }
            if is_near(*not_before, *not_after, now, GIVEN_NOTICE) =>
        {
            Some(Ending {
                reason: "CertificateEnding",
                object: format!("{}: spec.exposure.tls.secretRef.name", secret(name)),
                at: *not_after,
                message: "clients refuse the network from then on",
                next: "put the successor into that Secret; it is taken up without a restart",
            })
        }
        PublicTlsSource::Given { .. } | PublicTlsSource::Managed => None,
    });
    let mut all: Vec<Ending> = kept.chain(given).collect();
    all.sort_by_key(|ending| ending.at);
    all
}

/// Whether a successor is made by itself when a third of its life is left: `plan/keys`, `rotation`.
fn is_renewed(slot: KeySlot) -> bool {
    !slot.is_durable() || ROTATING.into_iter().any(|purpose| KeySlot::issuer(purpose) == slot)
}

type Words = (&'static str, &'static str, &'static str);

/// What is to be said of a certificate of ours; nothing while there is time.
fn judge(slot: KeySlot, certificate: &CertificateSeen, now: UnixMillis) -> Option<Words> {
    let (from, until) = (certificate.not_before, certificate.not_after);
    if !is_renewed(slot) {
        return is_near(from, until, now, DURABLE_NOTICE).then_some((
            "KeyEnding",
            "nothing renews it in place, and the network ends with it",
            "before that day move to a version of the operator that can replace it, or found the network anew",
        ));
    }
    // Renewal begins at a third; half of that has passed in vain.
    (until.since(now) <= until.since(from) / 6).then_some((
        "RenewalMissed",
        "it should have been renewed by now",
        "see conditions Progressing and Degraded: a paused network renews nothing",
    ))
}

/// Whether less than `notice` is left, or less than a third of a life that is shorter than that.
fn is_near(from: UnixMillis, until: UnixMillis, now: UnixMillis, notice: Duration) -> bool {
    until.since(now) <= notice.min(until.since(from) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;
    use wickr_policy::Der;

    const DAY: u64 = 24 * 3600;

    fn day(number: u64) -> UnixMillis {
        UnixMillis(0).plus(Duration::from_secs(number * DAY))
    }

    fn living(days: u64) -> CertificateSeen {
        CertificateSeen {
            der: Der::new(Vec::new()),
            uris: Vec::new(),
            dns: Vec::new(),
            not_before: day(0),
            not_after: day(days),
            fingerprint: [0; 32],
            issuer: None,
            trusts: Vec::new(),
            previous: Vec::new(),
        }
    }

    #[test]
    fn a_certificate_is_told_of_while_there_is_time_and_not_before() {
        // Slot, days it lives, the last day of silence, the first day of warning, the warning.
        let table = [
            (KeySlot::Root, 3650, 3469, 3470, "KeyEnding"),
            (KeySlot::ExternalSender, 1825, 1644, 1645, "KeyEnding"),
            // One that lives shorter than the notice is not told of from its first day on.
            (KeySlot::Root, 90, 59, 60, "KeyEnding"),
            // Renewed by itself: on day 20 of 30, and on day 1217 of 1825.
            (KeySlot::WorkloadIssuer, 1825, 1520, 1521, "RenewalMissed"),
            (KeySlot::DocumentIssuer, 1825, 1520, 1521, "RenewalMissed"),
            (KeySlot::DeviceIssuer, 1825, 1520, 1521, "RenewalMissed"),
            (KeySlot::DocumentKey, 1825, 1520, 1521, "RenewalMissed"),
            (KeySlot::OperatorClient, 30, 24, 25, "RenewalMissed"),
            (KeySlot::Tls(Role::Relay), 30, 24, 25, "RenewalMissed"),
            (KeySlot::PublicTls, 30, 24, 25, "RenewalMissed"),
        ];
        for (slot, lives, silent, warned, reason) in table {
            assert_eq!(judge(slot, &living(lives), day(silent)), None, "{slot:?} on day {silent}");
            let told = judge(slot, &living(lives), day(warned)).map(|(reason, ..)| reason);
            assert_eq!(told, Some(reason), "{slot:?} on day {warned}");
            let after = judge(slot, &living(lives), day(lives + 1)).map(|(reason, ..)| reason);
            assert_eq!(after, Some(reason), "{slot:?} after its end");
        }
    }
}
