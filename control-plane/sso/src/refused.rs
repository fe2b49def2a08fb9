//! From an endpoint's error to the problem that its caller reads; what is our own fault is logged, not told.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use wickr_service::refuse;
use wickr_store::directory::DirectoryError;
use wickr_wire::ProblemCode;

/// An error of an endpoint: its text is for the caller unless its code is `Internal` or `StorageFull`.
pub(crate) trait Refusal: Error + Send + Sync + 'static {
    fn code(&self) -> ProblemCode;
}

/// What an endpoint answers when it doesn't do what it was asked.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: ProblemCode,
    detail: String,
}

impl<E: Refusal> From<E> for Refused {
    fn from(error: E) -> Self {
        let code = error.code();
        let detail = match code {
            ProblemCode::Internal | ProblemCode::StorageFull => {
                tracing::error!(code = code.as_str(), cause = causes(&error), "a request failed");
                "The service has logged the cause; tell your administrator.".to_owned()
            }
            _ => causes(&error),
        };
        Self { code, detail }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = refuse(self.code, self.detail).into_response();
        response.extensions_mut().insert(self.code);
        response
    }
}

/// An error and what caused it, in one line; what a cause repeats is left out.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

impl Refusal for DirectoryError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Full { .. } => ProblemCode::StorageFull,
            _ => ProblemCode::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("asking")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("no answer")]
    struct Inner;

    impl Refusal for Outer {
        fn code(&self) -> ProblemCode {
            ProblemCode::Forbidden
        }
    }

    #[test]
    fn a_refusal_tells_its_causes_and_an_own_fault_does_not() {
        assert_eq!(Refused::from(Outer(Inner)).detail, "asking: no answer");
        let own = DirectoryError::Unreadable { what: "users.handle".to_owned(), why: "alice".to_owned() };
        assert!(!Refused::from(own).detail.contains("alice"));
    }
}
