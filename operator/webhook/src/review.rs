//! One request judged: allowed, allowed with warnings, or refused with every finding (how that is said: `refusal`).
//!
//! Only what rests on the object alone is refused (`Basis`), and only what the change brings: an object that was stored
//! before a rule was there must stay operable, and nothing may keep an object from being deleted. Fields that can't
//! change are guarded by the rules of the definitions, which the API server checks before it asks here.

use kube_core::DynamicObject;
use kube_core::admission::{AdmissionRequest, AdmissionResponse, Operation};
use serde::de::DeserializeOwned;
use serde_json::Value;
use wickr_base::UnixMillis;
use wickr_operator_api::GROUP;
use wickr_operator_api::v1alpha1::{IdentityProvider, WickrNetwork};
use wickr_operator_core::network::{self, Neighbour, NetworkRefs};
use wickr_operator_core::provider::{self, ProviderRefs};
use wickr_operator_core::{Basis, Finding, FindingCode, Findings};

use crate::refusal::{refuse, warn};

/// The networks that could be in the way of one, as far as they are known.
pub type Neighbours = dyn Fn(&WickrNetwork) -> Vec<Neighbour> + Send + Sync;

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Review {
    /// What the API server is told.
    pub response: AdmissionResponse,
    /// The kind of the object; `other` for one that isn't ours.
    pub kind: &'static str,
    /// The short of it.
    pub verdict: Verdict,
}

/// The short of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Allowed,
    /// Taken, with something that is wrong all the same.
    Warned,
    /// Not taken.
    Refused,
}

impl Verdict {
    /// All of them, for metrics.
    pub const ALL: [Self; 3] = [Self::Allowed, Self::Warned, Self::Refused];

    /// As it stands in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Warned => "warned",
            Self::Refused => "refused",
        }
    }
}

/// A kind that is judged.
trait Judged: DeserializeOwned {
    /// As in `kind:`.
    const KIND: &'static str;
    /// Everything that is wrong with it, what it names left aside.
    fn judge(&self, neighbours: &Neighbours, now: UnixMillis) -> Vec<Finding>;
}

impl Judged for WickrNetwork {
    const KIND: &'static str = "WickrNetwork";

    fn judge(&self, neighbours: &Neighbours, now: UnixMillis) -> Vec<Finding> {
        let refs = NetworkRefs { neighbours: neighbours(self), ..NetworkRefs::default() };
        known(network::validate(self, &refs, now))
    }
}

impl Judged for IdentityProvider {
    const KIND: &'static str = "IdentityProvider";

    fn judge(&self, _: &Neighbours, _: UnixMillis) -> Vec<Finding> {
        known(provider::validate(self, &ProviderRefs::unknown()))
    }
}

/// Kinds that are judged, as they stand in metrics.
pub(crate) const KINDS: [&str; 2] = [WickrNetwork::KIND, IdentityProvider::KIND];
/// What stands in metrics for any other kind.
pub(crate) const OTHER: &str = "other";

/// Judges a request.
pub fn review(request: &AdmissionRequest<DynamicObject>, neighbours: &Neighbours, now: UnixMillis) -> Review {
    match request.kind.kind.as_str() {
        _ if request.kind.group != GROUP => allowed(request, OTHER),
        WickrNetwork::KIND => review_as::<WickrNetwork>(request, neighbours, now),
        IdentityProvider::KIND => review_as::<IdentityProvider>(request, neighbours, now),
        _ => allowed(request, OTHER),
    }
}

fn review_as<K: Judged>(
    request: &AdmissionRequest<DynamicObject>,
    neighbours: &Neighbours,
    now: UnixMillis,
) -> Review {
    let Some(object) = request.object.as_ref().filter(|object| is_judged(request, object)) else {
        return allowed(request, K::KIND);
    };
    let mut refused = judge::<K>(object, neighbours, now);
    let before = request.old_object.as_ref().map(|old| judge::<K>(old, neighbours, now)).unwrap_or_default();
    let is_warning = |finding: &Finding| finding.code.basis() != Basis::Object || before.contains(finding);
    let warnings: Vec<Finding> = refused.extract_if(.., |finding| is_warning(finding)).collect();
    let mut response = AdmissionResponse::from(request);
    if !warnings.is_empty() {
        response.warnings = Some(warnings.iter().map(warn).collect());
    }
    let verdict = match (refused.is_empty(), warnings.is_empty()) {
        (true, true) => Verdict::Allowed,
        (true, false) => Verdict::Warned,
        (false, _) => {
            response.allowed = false;
            response.result = refuse(request, K::KIND, &Findings(refused));
            Verdict::Refused
        }
    };
    Review { response, kind: K::KIND, verdict }
}

/// Whether the request can bring anything that is wrong.
fn is_judged(request: &AdmissionRequest<DynamicObject>, object: &DynamicObject) -> bool {
    let own = request.sub_resource.as_deref().unwrap_or_default().is_empty();
    let going = object.metadata.deletion_timestamp.is_some();
    own && !going
        && match request.operation {
            Operation::Create => true,
            Operation::Update => {
                request.old_object.as_ref().is_none_or(|old| old.data.get("spec") != object.data.get("spec"))
            }
            Operation::Delete | Operation::Connect => false,
        }
}

/// Everything that is wrong with it, of which an object that can't be read at all is one.
fn judge<K: Judged>(object: &DynamicObject, neighbours: &Neighbours, now: UnixMillis) -> Vec<Finding> {
    let read = serde_json::to_value(object)
        .map_err(|error| (String::new(), error.to_string()))
        .and_then(|value| read::<K>(&value));
    match read {
        Ok(object) => object.judge(neighbours, now),
        Err((path, why)) => vec![Finding::new(
            path,
            FindingCode::Unreadable,
            format!("this version of the operator can't read it: {why}"),
            "see kubectl explain; if the field is newer than the operator, upgrade the operator first",
        )],
    }
}

/// Or the field that can't be read, and why.
fn read<K: Judged>(value: &Value) -> Result<K, (String, String)> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

/// What a judgement found that doesn't rest on what the object names.
fn known<T>(judged: Result<T, Findings>) -> Vec<Finding> {
    let mut found = judged.err().map(|findings| findings.0).unwrap_or_default();
    found.retain(|finding| finding.code.basis() != Basis::Reference);
    found
}

fn allowed(request: &AdmissionRequest<DynamicObject>, kind: &'static str) -> Review {
    Review { response: AdmissionResponse::from(request), kind, verdict: Verdict::Allowed }
}
