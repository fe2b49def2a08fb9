//! Which class a failure is of: what the API server's answer means for those who wait (the failures: `failure`).

/// What to do about a failure. Exhaustively matched wherever it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The API server, or somebody else's object, says no: await a change, look again now and then.
    Refused,
    /// It passes by itself: per-object exponential backoff.
    Transient,
    /// The operator lacks a right, or the kind is not served: said with verb and kind, tried every minute.
    Forbidden,
    /// Cannot happen; a counter alerts.
    Bug,
}

impl Class {
    /// All of them, for metrics that start at zero.
    pub const ALL: &'static [Self] = &[Self::Refused, Self::Transient, Self::Forbidden, Self::Bug];

    /// As it stands in metrics and conditions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "Refused",
            Self::Transient => "Transient",
            Self::Forbidden => "Forbidden",
            Self::Bug => "Bug",
        }
    }
}

/// Which class the API server's answer, or the lack of one, is of.
pub(crate) fn class_of(error: &kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => Class::Forbidden,
            403 if lacks_a_right(&status.message) => Class::Forbidden,
            404 if not_served(&status.message) => Class::Forbidden,
            400 | 403 | 413 | 422 => Class::Refused,
            404 | 408 | 409 | 410 | 425 | 429 => Class::Transient,
            code if code >= 500 => Class::Transient,
            _ => Class::Bug,
        },
        kube::Error::HyperError(_)
        | kube::Error::Service(_)
        | kube::Error::ReadEvents(_)
        | kube::Error::HttpError(_)
        | kube::Error::Auth(_) => Class::Transient,
        _ => Class::Bug,
    }
}

/// A 403 of RBAC names user, verb and resource; one of an admission plugin (quota, volume resize) doesn't.
fn lacks_a_right(message: &str) -> bool {
    message.contains("User \"") && message.contains(" cannot ")
}

/// A 404 that is about the kind, not about an object.
pub(crate) fn not_served(message: &str) -> bool {
    message.contains("could not find the requested resource") || message.contains("page not found")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn class(code: u16, message: &str) -> Class {
        class_of(&kube::Error::Api(Status::failure(message, "").with_code(code).boxed()))
    }

    #[test]
    fn an_admission_plugin_that_says_no_is_a_refusal_not_a_missing_right() {
        let quota = "secrets \"hq-root\" is forbidden: exceeded quota: q, requested: count/secrets=1";
        assert_eq!(class(403, quota), Class::Refused);
        assert_eq!(class(422, "Secret is invalid"), Class::Refused);
    }

    #[test]
    fn conflicts_limits_and_server_errors_pass_by_themselves() {
        for code in [404, 408, 409, 410, 429, 500, 503, 504] {
            assert_eq!(class(code, "no"), Class::Transient, "{code}");
        }
        assert_eq!(class(404, "the server could not find the requested resource"), Class::Forbidden);
        assert_eq!(class(405, "no"), Class::Bug);
    }
}
