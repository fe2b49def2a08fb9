//! How a refusal is said: as a Status that `kubectl` prints, with a cause per field (what is refused: `review`).

use kube_core::admission::AdmissionRequest;
use kube_core::response::{StatusCause, StatusDetails, StatusSummary};
use kube_core::{DynamicObject, Status};
use wickr_operator_core::{Finding, Findings};

/// HTTP 422, which the API server uses for objects that don't hold to their rules.
const UNPROCESSABLE: u16 = 422;

/// All findings, in words and as causes by field.
pub(crate) fn refuse(request: &AdmissionRequest<DynamicObject>, kind: &str, findings: &Findings) -> Status {
    let namespace = request.namespace.as_deref().unwrap_or_default();
    let count = match findings.0.len() {
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let mut message = format!("{kind} {namespace}/{} is refused, {count}:", request.name);
    for finding in &findings.0 {
        message.push_str("\n* ");
        message.push_str(&line(finding));
    }
    Status {
        status: Some(StatusSummary::Failure),
        code: UNPROCESSABLE,
        message,
        reason: "Invalid".to_owned(),
        details: Some(StatusDetails {
            name: request.name.clone(),
            group: request.kind.group.clone(),
            kind: kind.to_owned(),
            uid: String::new(),
            causes: findings.0.iter().map(cause).collect(),
            retry_after_seconds: 0,
        }),
        metadata: None,
    }
}

/// The same about one that doesn't keep the object out; the controller will say it in status.
pub(crate) fn warn(finding: &Finding) -> String {
    line(finding)
}

fn line(finding: &Finding) -> String {
    let Finding { path, code, message, hint } = finding;
    format!("{path} ({}): {message}. Next: {hint}.", code.as_str())
}

fn cause(finding: &Finding) -> StatusCause {
    StatusCause {
        reason: finding.code.as_str().to_owned(),
        message: format!("{}. Next: {}.", finding.message, finding.hint),
        field: finding.path.clone(),
    }
}
