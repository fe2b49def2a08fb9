//! The device authorization grant (RFC 8628): begin one, and ask once how it stands.
//!
//! openidconnect's own loop sleeps between questions; ours is driven by the device's polls and keeps its
//! place in the store, so that a restart of sso loses no sign-in.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use openidconnect::core::CoreDeviceAuthorizationResponse;
use openidconnect::{AuthType, Scope};
use serde::Deserialize;
use url::{Url, form_urlencoded};
use wickr_base::Secret;

use super::Asking;
use super::answer::{fault, shown};
use super::tokens::{TokenError, Tokens, auth_type, kept, refused};

/// Longest address and user code that a person is shown, in bytes.
const MOST_ADDRESS: usize = 2048;
const MOST_USER_CODE: usize = 64;

/// A grant that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) device_code: Secret<String>,
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
    pub(crate) verification_uri_complete: Option<String>,
    pub(crate) interval: Duration,
    pub(crate) expires_in: Duration,
}

/// How a grant stands.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The person isn't done.
    Waiting,
    /// The person isn't done, and we ask too often.
    SlowDown,
    /// The provider's time ran out.
    Expired,
    /// Done; `Asking::open` believes them or not.
    Tokens(Box<Tokens>),
}

/// Begins a grant.
pub(crate) async fn begin(asking: &Asking<'_>) -> Result<Begun, TokenError> {
    let endpoint = asking.known.metadata.additional_metadata().device_authorization_endpoint.clone();
    let endpoint = endpoint.ok_or(TokenError::NoEndpoint("device_authorization_endpoint"))?;
    let client = asking.client()?.set_device_authorization_url(endpoint);
    let mut request = client.exchange_device_code();
    for scope in asking.scopes() {
        request = request.add_scope(Scope::new(scope.to_owned()));
    }
    let begun: Result<CoreDeviceAuthorizationResponse, _> = request.request_async(asking.door).await;
    let begun = begun.map_err(|error| asking.told(error, &[]))?;
    presentable(&begun)?;
    kept("device code", begun.device_code().secret())?;
    Ok(Begun {
        device_code: Secret::new(begun.device_code().secret().clone()),
        user_code: begun.user_code().secret().clone(),
        verification_uri: begun.verification_uri().to_string(),
        verification_uri_complete: begun.verification_uri_complete().map(|uri| uri.secret().clone()),
        interval: begun.interval().max(Duration::from_secs(1)),
        expires_in: begun.expires_in(),
    })
}

/// What a person's terminal shows and her browser opens: nothing but https addresses, and a code that one can type.
fn presentable(begun: &CoreDeviceAuthorizationResponse) -> Result<(), TokenError> {
    let complete = begun.verification_uri_complete().map(|uri| uri.secret().as_str());
    let uris = [
        ("verification_uri", Some(begun.verification_uri().as_str())),
        ("verification_uri_complete", complete),
    ];
    for (name, uri) in uris {
        let Some(uri) = uri else { continue };
        let opens = Url::parse(uri).is_ok_and(|parsed| parsed.scheme() == "https" && parsed.has_host());
        if !opens || uri.len() > MOST_ADDRESS || uri.chars().any(char::is_control) {
            return Err(TokenError::Unreadable(format!("its {name} \"{}\" is no https address", shown(uri))));
        }
    }
    let code = begun.user_code().secret();
    if code.is_empty() || code.len() > MOST_USER_CODE || !code.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    {
        let least = "1 to 64 characters that one can type";
        return Err(TokenError::Unreadable(format!("its user_code \"{}\" isn't {least}", shown(code))));
    }
    Ok(())
}

/// Asks once how the grant stands (section 3.4).
pub(crate) async fn ask(asking: &Asking<'_>, device_code: &Secret<String>) -> Result<Answer, TokenError> {
    let answer = asking.door.send(request(asking, device_code)?).await;
    // The code is spent by an answer that can't be read, as by one that can.
    let answer = answer.map_err(|error| TokenError::from(error).final_answer())?;
    if answer.status().is_success() {
        let tokens = serde_json::from_slice(answer.body());
        let unreadable = |error: serde_json::Error| TokenError::Unreadable(fault(&error)).final_answer();
        return Ok(Answer::Tokens(tokens.map_err(unreadable)?));
    }
    let refusal: Refusal = serde_json::from_slice(answer.body())
        .map_err(|error| TokenError::Unreadable(format!("status {}, {}", answer.status(), fault(&error))))?;
    match refusal.error.as_str() {
        "authorization_pending" => Ok(Answer::Waiting),
        "slow_down" => Ok(Answer::SlowDown),
        "expired_token" => Ok(Answer::Expired),
        _ => Err(asking.told(refused(&refusal), &[device_code.expose()])),
    }
}

#[derive(Deserialize, serde::Serialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

fn request(asking: &Asking<'_>, device_code: &Secret<String>) -> Result<http::Request<Vec<u8>>, TokenError> {
    let metadata = &asking.known.metadata;
    let url = metadata.token_endpoint().ok_or(TokenError::NoEndpoint("token_endpoint"))?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    form.append_pair("device_code", device_code.expose());
    let mut request = http::Request::post(url.as_str())
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    match auth_type(metadata) {
        Some(AuthType::RequestBody) => {
            form.append_pair("client_id", asking.client_id);
            form.append_pair("client_secret", asking.client_secret.expose());
        }
        _ => request = request.header(AUTHORIZATION, basic(asking.client_id, asking.client_secret.expose())),
    }
    let unreadable = |error: http::Error| TokenError::Unreadable(error.to_string());
    request.body(form.finish().into_bytes()).map_err(unreadable)
}

/// Both parts form-encoded before (RFC 6749 section 2.3.1).
fn basic(client_id: &str, client_secret: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(client_secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_id_and_secret_are_form_encoded_before_they_are_joined() {
        assert_eq!(basic("a:b", "p q+"), "Basic YSUzQWI6cCtxJTJC");
    }
}
