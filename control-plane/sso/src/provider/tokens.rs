//! openidconnect's client, set up for one provider, and the errors of its token endpoint. What it is used for:
//! `code`, `device_grant`, `refresh`; what comes back is believed only after `id_token`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, Client, ClientId, ClientSecret, EmptyExtraTokenFields, EndpointNotSet,
    EndpointSet, ErrorResponse, IdToken, IdTokenFields, OAuth2TokenResponse as _, RefreshToken,
    RequestTokenError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};
use wickr_base::{Secret, UnixMillis};
use wickr_model::Person;

use super::answer::{fault, shown};
use super::discovery::Metadata;
use super::door::DoorError;
use super::id_token::IdTokenError;

/// All claims that OpenID Connect has no own field for; the username may be any of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OtherClaims {
    #[serde(flatten)]
    claims: serde_json::Map<String, serde_json::Value>,
}

impl AdditionalClaims for OtherClaims {}

impl OtherClaims {
    pub(super) fn get(&self, name: &str) -> Option<&serde_json::Value> {
        self.claims.get(name)
    }
}

pub(crate) type OidcIdToken =
    IdToken<OtherClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

pub(crate) type Tokens = StandardTokenResponse<
    IdTokenFields<
        OtherClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

pub(crate) type OidcClient<Auth = EndpointNotSet, Device = EndpointNotSet, Revocation = EndpointNotSet> =
    Client<
        OtherClaims,
        CoreAuthDisplay,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJsonWebKey,
        CoreAuthPrompt,
        StandardErrorResponse<CoreErrorResponseType>,
        Tokens,
        CoreTokenIntrospectionResponse,
        CoreRevocableToken,
        CoreRevocationErrorResponse,
        Auth,
        Device,
        EndpointNotSet,
        Revocation,
        EndpointSet,
        EndpointNotSet,
    >;

/// Why the provider gave no tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// It could not be asked, or its answer could not be read; nothing is decided.
    #[error("the identity provider can't be reached: {0}")]
    Unreachable(DoorError),
    /// An answer that OAuth doesn't know.
    #[error("the identity provider's answer can't be read: {0}")]
    Unreadable(String),
    /// The discovery document has no such endpoint.
    #[error("the identity provider's discovery document has no {0}")]
    NoEndpoint(&'static str),
    /// It said no (RFC 6749 section 5.2, RFC 8628 section 3.5).
    #[error("the identity provider refused: {code}{}", .description.as_deref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Refused {
        /// The `error` member.
        code: String,
        /// The `error_description` member, cut.
        description: Option<String>,
    },
    /// What it gave doesn't hold.
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
}

impl TokenError {
    /// The OAuth error code, when the provider gave one.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether it is the provider's or our last word on this sign-in; otherwise asking again may help.
    pub(crate) fn decides(&self) -> bool {
        match self {
            Self::IdToken(_) => true,
            Self::Refused { code, .. } => {
                !self.is_about_us()
                    && !matches!(code.as_str(), "server_error" | "temporarily_unavailable" | "slow_down")
            }
            Self::Unreachable(_) | Self::Unreadable(_) | Self::NoEndpoint(_) => false,
        }
    }

    /// The same for an answer that spends what was asked with: tokens that can't be read don't come again.
    pub(crate) fn final_answer(self) -> Self {
        match self {
            Self::Unreadable(why) => Self::IdToken(IdTokenError::Refused(why)),
            other => other,
        }
    }

    /// Without what repeats one of `secrets`, or twelve characters of one: a provider may echo what it was asked with.
    pub(super) fn without(self, secrets: &[&str]) -> Self {
        let repeats = |text: &str| secrets.iter().any(|secret| repeats(text, secret));
        match self {
            Self::Refused { code, description } => Self::Refused {
                code: if repeats(&code) { "unknown".to_owned() } else { code },
                description: description.filter(|text| !repeats(text)),
            },
            other => other,
        }
    }

    /// Whether it is about our client id and secret instead of the person.
    pub(crate) fn is_about_us(&self) -> bool {
        matches!(self.code(), Some("invalid_client" | "unauthorized_client" | "unsupported_grant_type"))
    }
}

impl From<DoorError> for TokenError {
    fn from(error: DoorError) -> Self {
        if error.spends() { Self::Unreadable(error.to_string()) } else { Self::Unreachable(error) }
    }
}

impl<T: ErrorResponse + 'static> From<RequestTokenError<DoorError, T>> for TokenError
where
    T: Serialize,
{
    fn from(error: RequestTokenError<DoorError, T>) -> Self {
        match error {
            RequestTokenError::Request(door) => door.into(),
            RequestTokenError::ServerResponse(refusal) => refused(&refusal),
            RequestTokenError::Parse(error, _) => Self::Unreadable(fault(error.inner())),
            RequestTokenError::Other(why) => Self::Unreadable(shown(&why)),
        }
    }
}

fn repeats(text: &str, secret: &str) -> bool {
    const TELLING: usize = 12;
    let text = text.as_bytes();
    let parts = secret.as_bytes().windows(TELLING.min(secret.len()).max(1));
    parts.into_iter().any(|part| text.windows(part.len()).any(|window| window == part))
}

/// Longest refresh token and device code that is kept, in bytes: each is a row for as long as a session or a sign-in
/// lasts.
const MOST_KEPT: usize = 16 * 1024;

/// Refuses a text of the provider's that is too long to be kept.
pub(super) fn kept(what: &'static str, text: &str) -> Result<(), TokenError> {
    if text.len() <= MOST_KEPT {
        return Ok(());
    }
    Err(TokenError::Unreadable(format!("its {what} has {} bytes, at most {MOST_KEPT} are kept", text.len())))
}

/// Reads `error` and `error_description` of whatever error type it is; both cut to what a person reads.
pub(crate) fn refused<T: Serialize>(refusal: &T) -> TokenError {
    let json = serde_json::to_value(refusal).unwrap_or_default();
    let text = |name: &str| Some(shown(json.get(name)?.as_str()?));
    TokenError::Refused {
        code: text("error").unwrap_or_else(|| "unknown".to_owned()),
        description: text("error_description"),
    }
}

/// Whom the provider vouched for, and what to ask with next time.
#[derive(Debug)]
pub(crate) struct Vouched {
    pub(crate) person: Person,
    pub(crate) refresh: Option<Secret<String>>,
}

/// The refresh token of an answer.
pub(crate) fn refresh_of(tokens: &Tokens) -> Result<Option<Secret<String>>, TokenError> {
    let Some(token) = tokens.refresh_token().map(RefreshToken::secret) else { return Ok(None) };
    kept("refresh token", token)?;
    Ok(Some(Secret::new(token.clone())))
}

/// When the provider made the ID token, by its clock and in whole seconds. Read without its signature: it came
/// over the provider's own TLS, and only shows how far the clocks are apart, also when that is why it fails.
pub(crate) fn made_at(tokens: &Tokens) -> Option<UnixMillis> {
    let claims: serde_json::Value = serde_json::from_slice(&part(tokens.id_token()?, 1)?).ok()?;
    claims.get("iat")?.as_i64().map(UnixMillis::from_seconds)
}

/// A part of an ID token as it came: 0 is its header, 1 its claims.
pub(super) fn part(token: &OidcIdToken, at: usize) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(token.to_string().split('.').nth(at)?).ok()
}

/// A client of that provider that can use its token endpoint.
pub(crate) fn client(
    metadata: &Metadata,
    client_id: &str,
    client_secret: &Secret<String>,
) -> Result<OidcClient, TokenError> {
    let token_url: TokenUrl =
        metadata.token_endpoint().cloned().ok_or(TokenError::NoEndpoint("token_endpoint"))?;
    // No keys in here: ID tokens are checked by `id_token` alone.
    Ok(Client::new(ClientId::new(client_id.to_owned()), metadata.issuer().clone(), Default::default())
        .set_client_secret(ClientSecret::new(client_secret.expose().clone()))
        .set_auth_type(auth_type(metadata).unwrap_or(AuthType::BasicAuth))
        .set_token_uri(token_url))
}

/// How the client secret is shown; `None` when the provider takes neither way that we have (default: Basic,
/// OpenID Connect Discovery section 3).
pub(crate) fn auth_type(metadata: &Metadata) -> Option<AuthType> {
    let Some(supported) = metadata.token_endpoint_auth_methods_supported() else {
        return Some(AuthType::BasicAuth);
    };
    if supported.contains(&CoreClientAuthMethod::ClientSecretBasic) {
        Some(AuthType::BasicAuth)
    } else if supported.contains(&CoreClientAuthMethod::ClientSecretPost) {
        Some(AuthType::RequestBody)
    } else {
        None
    }
}
