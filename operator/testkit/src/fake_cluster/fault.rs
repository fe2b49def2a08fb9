//! Faults to be met: the next requests of a kind are answered with an error (asked in `serve`).

/// Answers matching requests with an error instead of doing them.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `get`, `list`, `watch`, `create`, `apply`, `patch` or `delete`; empty for any.
    pub verb: &'static str,
    /// Like `secrets` or `secrets/status`; empty for any.
    pub plural: &'static str,
    /// The object's name; empty for any.
    pub name: &'static str,
    /// How many requests; `None` for all of them.
    pub times: Option<u32>,
    /// The HTTP status.
    pub code: u16,
    /// The `reason` of the answer.
    pub reason: &'static str,
    /// The `message` of the answer.
    pub message: String,
}

impl Fault {
    /// RBAC that lacks `verb` on `plural`, for as long as it stands.
    pub fn forbidden(verb: &'static str, plural: &'static str) -> Self {
        let message = format!(
            "{plural} is forbidden: User \"system:serviceaccount:wickr-system:wickr-operator\" cannot {verb} resource \"{plural}\""
        );
        Self { verb, plural, name: "", times: None, code: 403, reason: "Forbidden", message }
    }

    /// The same about one object, in the API server's words.
    #[must_use]
    pub fn about(self, name: &'static str, message: &str) -> Self {
        Self { name, message: message.to_owned(), ..self }
    }

    /// An answer of `code` to the next `times` requests.
    pub fn next(verb: &'static str, plural: &'static str, times: u32, code: u16) -> Self {
        Self {
            verb,
            plural,
            name: "",
            times: Some(times),
            code,
            reason: reason(code),
            message: format!("a fault of {code} for the test"),
        }
    }
}

/// The API server's word for a status.
pub(super) fn reason(code: u16) -> &'static str {
    match code {
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    }
}
