//! A provider's settings as the operator sends them, parsed once; how they are judged: `rehearsal`.

use std::time::Duration;

use serde::Deserialize;
use url::Url;
use wickr_base::{Lifetime, Secret, UnixMillis};
use wickr_model::{ProviderRecord, ProviderRef};

use crate::seal::{Place, SealError, Sealer};

/// Settings of a provider, secret opened.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) generation: String,
    pub(crate) provider: ProviderRef,
    pub(crate) client_secret: Secret<String>,
    pub(crate) ca_bundle_pem: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) username_claim: String,
    pub(crate) refresh_grace: Duration,
}

/// What is wrong with them, whatever the provider says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("\"issuer\": \"{0}\" is not an https URL without query and fragment")]
    Issuer(String),
    #[error("\"{field}\" must have 1 to {most} characters")]
    Length { field: &'static str, most: usize },
    #[error("\"scopes\": there are at most 32, each of 1 to 128 printable ASCII characters without space")]
    Scopes,
    #[error("\"refresh_grace\": \"{0}\" is longer than 720h")]
    Grace(Lifetime),
}

/// The settings' part of a rehearsal's body.
#[derive(Deserialize)]
pub(crate) struct SettingsBody {
    generation: String,
    issuer: String,
    client_id: String,
    client_secret: String,
    ca_bundle_pem: Option<String>,
    scopes: Vec<String>,
    claims: ClaimsBody,
    refresh_grace: Lifetime,
}

/// A claim that isn't read is refused: who asks for it would believe that it does something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimsBody {
    username: String,
}

const LONGEST_GRACE: Duration = Duration::from_hours(720);

impl TryFrom<SettingsBody> for Settings {
    type Error = SettingsError;

    fn try_from(body: SettingsBody) -> Result<Self, SettingsError> {
        let issuer = Url::parse(&body.issuer).ok().filter(|url| {
            url.scheme() == "https"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if issuer.is_none() || body.issuer.len() > 1024 {
            return Err(SettingsError::Issuer(body.issuer.chars().take(200).collect()));
        }
        let lengths: [(&'static str, &str, usize); 4] = [
            ("generation", &body.generation, 256),
            ("client_id", &body.client_id, 256),
            ("client_secret", &body.client_secret, 4096),
            ("claims.username", &body.claims.username, 128),
        ];
        for (field, text, most) in lengths {
            if text.is_empty() || text.len() > most {
                return Err(SettingsError::Length { field, most });
            }
        }
        // RFC 6749 section 3.3, without the two characters that would need escaping.
        let is_scope = |scope: &String| {
            (1..=128).contains(&scope.len())
                && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        };
        if body.scopes.len() > 32 || !body.scopes.iter().all(is_scope) {
            return Err(SettingsError::Scopes);
        }
        if body.refresh_grace.get() > LONGEST_GRACE {
            return Err(SettingsError::Grace(body.refresh_grace));
        }
        Ok(Self {
            generation: body.generation,
            provider: ProviderRef { issuer: body.issuer, client_id: body.client_id },
            client_secret: Secret::new(body.client_secret),
            ca_bundle_pem: body.ca_bundle_pem,
            scopes: body.scopes,
            username_claim: body.claims.username,
            refresh_grace: body.refresh_grace.get(),
        })
    }
}

impl Settings {
    /// As it is kept.
    pub(crate) fn seal(
        &self,
        sealer: &Sealer,
        rng: &dyn wickr_base::Rng,
        now: UnixMillis,
    ) -> Result<ProviderRecord, SealError> {
        let place = Place::ClientSecret(&self.generation);
        Ok(ProviderRecord {
            generation: self.generation.clone(),
            provider: self.provider.clone(),
            client_secret: sealer.seal(self.client_secret.expose(), place, rng)?,
            ca_bundle_pem: self.ca_bundle_pem.clone(),
            scopes: self.scopes.clone(),
            username_claim: self.username_claim.clone(),
            refresh_grace: self.refresh_grace,
            adopted_at: now,
        })
    }

    /// From what was kept.
    pub(crate) fn open(record: &ProviderRecord, sealer: &Sealer) -> Result<Self, SealError> {
        let place = Place::ClientSecret(&record.generation);
        Ok(Self {
            generation: record.generation.clone(),
            provider: record.provider.clone(),
            client_secret: sealer.open(&record.client_secret, place)?,
            ca_bundle_pem: record.ca_bundle_pem.clone(),
            scopes: record.scopes.clone(),
            username_claim: record.username_claim.clone(),
            refresh_grace: record.refresh_grace,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use wickr_base::SeededRng;

    fn settings(change: impl FnOnce(&mut Value)) -> Result<Settings, SettingsError> {
        let mut body = json!({
            "generation": "g1", "issuer": "https://idp.example/realms/hq", "client_id": "wickr",
            "client_secret": "s3cret", "ca_bundle_pem": null, "scopes": ["openid", "offline_access"],
            "claims": {"username": "preferred_username"}, "refresh_grace": "60m", "adopt": true,
        });
        change(&mut body);
        serde_json::from_value::<SettingsBody>(body).unwrap().try_into()
    }

    #[test]
    fn settings_are_sealed_and_open_as_they_were() {
        let settings = settings(|_| ()).unwrap();
        let sealer = Sealer::new(&Secret::new(vec![1; 32])).unwrap();
        let record = settings.seal(&sealer, &SeededRng::new(1), UnixMillis(5)).unwrap();
        let opened = Settings::open(&record, &sealer).unwrap();
        assert_eq!(opened.client_secret.expose(), "s3cret");
        assert_eq!(opened.refresh_grace, Duration::from_hours(1));
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn what_no_provider_could_mend_is_refused_by_field() {
        let issuers = ["http://idp.example", "https://idp.example?x", "https://a:b@idp.example", "idp"];
        for issuer in issuers {
            let refused = settings(|body| body["issuer"] = issuer.into()).unwrap_err();
            assert!(matches!(refused, SettingsError::Issuer(_)), "{issuer}");
        }
        for field in ["generation", "client_id", "client_secret"] {
            let refused = settings(|body| body[field] = "".into()).unwrap_err();
            assert!(matches!(refused, SettingsError::Length { field: named, .. } if named == field));
        }
        assert_eq!(settings(|body| body["scopes"] = json!(["a b"])).unwrap_err(), SettingsError::Scopes);
        let refused = settings(|body| body["refresh_grace"] = "721h".into()).unwrap_err();
        assert!(matches!(refused, SettingsError::Grace(_)));
    }

    #[test]
    fn a_claim_that_nobody_reads_is_refused_by_name() {
        let claims = json!({"username": "preferred_username", "groups": "groups"});
        let refused = serde_json::from_value::<ClaimsBody>(claims).err().unwrap().to_string();
        assert!(refused.contains("unknown field `groups`"), "{refused}");
    }
}
