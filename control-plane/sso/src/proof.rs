//! Proofs that a request is made by the holder of a device key (RFC 9449), each taken once. Requests that also
//! carry a session token: `signed`.

use std::time::Duration;

use wickr_base::Clock;
use wickr_pki::dpop::{DpopError, Proof, Request, WINDOW, check_proof};
use wickr_policy::ServiceUrl;
use wickr_wire::ProblemCode;

use crate::refused::Refusal;
use crate::replay::{Replay, ReplayError};

/// A proof may be up to a window old or early, so it is remembered for both, and a second for rounding.
const KEEP: Duration = Duration::from_secs(2 * WINDOW.as_secs() + 2);

/// Proofs remembered of keys that belong to a device or a sign-in.
const MOST_KNOWN: usize = 200_000;
/// Proofs remembered of keys that nobody knows: apart, so that strangers can't shut out those who are known.
const MOST_STRANGERS: usize = 20_000;

/// Why a proof isn't taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProofError {
    #[error(transparent)]
    Proof(#[from] DpopError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("the DPoP proof is made with another key than this device's")]
    OtherKey,
}

impl Refusal for ProofError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Replay(ReplayError::Full) => ProblemCode::Busy,
            _ => ProblemCode::Unauthenticated,
        }
    }
}

/// Checks proofs and remembers them.
#[derive(Debug)]
pub(crate) struct Proofs {
    public_url: ServiceUrl,
    known: Replay,
    strangers: Replay,
}

impl Proofs {
    pub(crate) fn new(public_url: ServiceUrl) -> Self {
        Self {
            public_url,
            known: Replay::new(KEEP, MOST_KNOWN),
            strangers: Replay::new(KEEP, MOST_STRANGERS),
        }
    }

    /// Checks a proof for `method` on `path`; it still has to be remembered by one of the two below.
    pub(crate) fn check(
        &self,
        proof: &str,
        (method, path): (&str, &str),
        token: Option<&str>,
        clock: &dyn Clock,
    ) -> Result<Proof, ProofError> {
        let url = self.public_url.https(path);
        Ok(check_proof(proof, Request { method, url: &url, token }, clock.now(), WINDOW)?)
    }

    /// The proof is of the key with that thumbprint, and new.
    pub(crate) fn take(&self, proof: &Proof, thumbprint: &str, clock: &dyn Clock) -> Result<(), ProofError> {
        if proof.thumbprint != thumbprint {
            return Err(ProofError::OtherKey);
        }
        Ok(self.known.remember(&proof.thumbprint, &proof.jti, clock.elapsed())?)
    }

    /// How many proofs of known keys are remembered.
    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.known.remembered()
    }

    /// The proof is of a key that nobody knows yet, and new.
    pub(crate) fn take_strangers(&self, proof: &Proof, clock: &dyn Clock) -> Result<(), ProofError> {
        Ok(self.strangers.remember(&proof.thumbprint, &proof.jti, clock.elapsed())?)
    }
}
