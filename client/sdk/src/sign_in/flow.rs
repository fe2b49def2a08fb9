//! One sign-in from the first request to the certificate: by user code, or by browser (OIDC happens at sso).

use std::time::Duration;

use tokio::time::sleep;
use wickr_base::{MemberUri, UnixMillis};

use super::api::{SignedIn, Sso, SsoError};
use crate::environment::Environment;
use crate::network::Believed;
use crate::store::{Account, Session};

/// How the person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A code to be typed in on any device with a browser (RFC 8628).
    Code,
    /// A URL to be opened in a browser on this machine or another.
    Browser,
}

/// What the person has to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Open `uri` and type `code` in, or open `complete`, which has it in.
    Code {
        /// Where.
        uri: String,
        /// The code.
        code: String,
        /// Where, with the code in it.
        complete: Option<String>,
        /// Until when.
        expires: UnixMillis,
    },
    /// Open this.
    Browser {
        /// Where.
        url: String,
        /// Until when.
        expires: UnixMillis,
    },
}

/// Why a sign-in came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// sso failed or refused.
    #[error(transparent)]
    Sso(#[from] SsoError),
    /// The person did not finish in time.
    #[error("the sign-in was not finished by {0}")]
    Late(UnixMillis),
    /// The certificate is not for this device.
    #[error("sso issued a certificate that is not this device's: {0}")]
    Certificate(String),
}

/// Polls at least this often apart, whatever sso says.
const LEAST: Duration = Duration::from_millis(50);

/// Signs in; calls `prompt` once, as soon as it is known what the person has to do.
pub(crate) async fn sign_in(
    sso: &Sso,
    network: &Believed,
    way: Way,
    environment: &Environment,
    prompt: impl FnOnce(Prompt),
) -> Result<(Account, Session), SignInError> {
    let (flow, expires, interval) = match way {
        Way::Code => {
            let begun = sso.begin_device().await?;
            prompt(Prompt::Code {
                uri: begun.verification_uri,
                code: begun.user_code,
                complete: begun.verification_uri_complete,
                expires: begun.expires_at,
            });
            (begun.flow, begun.expires_at, Duration::from_secs(begun.interval_s))
        }
        Way::Browser => {
            let begun = sso.begin_code().await?;
            prompt(Prompt::Browser { url: begun.authorize_url, expires: begun.expires_at });
            (begun.flow, begun.expires_at, Duration::from_secs(1))
        }
    };
    // sso asks the provider at the provider's pace, however often it is polled: a second is polite enough.
    let interval = interval.min(Duration::from_secs(1)).min(environment.timings.upkeep).max(LEAST);
    loop {
        if let Some(done) = sso.poll(&flow).await? {
            let account = account(&done, network, environment)?;
            return Ok((account, done.session()));
        }
        if environment.clock.now() >= expires {
            return Err(SignInError::Late(expires));
        }
        sleep(interval).await;
    }
}

fn account(done: &SignedIn, network: &Believed, environment: &Environment) -> Result<Account, SignInError> {
    let certificate = done.certificate()?;
    let checked = network
        .network()
        .devices
        .check(&certificate, environment.clock.now())
        .map_err(|refusal| SignInError::Certificate(refusal.to_string()))?;
    let account = Account {
        domain: network.domain().clone(),
        user: done.user,
        device: done.device,
        handle: done.handle.clone(),
        certificate,
    };
    let expected: MemberUri = account.uri();
    if checked.uri != expected {
        return Err(SignInError::Certificate(format!("it is of \"{}\", not of \"{expected}\"", checked.uri)));
    }
    Ok(account)
}
