//! Keycloak's realm gets another signing key, and the old one goes: by its admin REST API, as an administrator does.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use wickr_cluster::{ADMINISTRATOR, Keycloak};

const KIND: &str = "org.keycloak.keys.KeyProvider";

pub(crate) async fn rotate(keycloak: &Keycloak) -> Result<()> {
    let ca = std::fs::read(keycloak.ca()).context("reading Keycloak's CA")?;
    let ca = reqwest::Certificate::from_pem(&ca).context("reading Keycloak's CA")?;
    let client = reqwest::Client::builder().tls_certs_only([ca]).build()?;
    let base = format!("https://{}", keycloak.address());
    let token = token(&client, &base).await.context("signing in as the administrator")?;
    let components = format!("{base}/admin/realms/hq/components");
    let known = client.get(&components).query(&[("type", KIND)]).bearer_auth(&token).send().await?;
    let known: Vec<Value> = known.error_for_status()?.json().await?;
    let old = known.into_iter().find(|one| one["providerId"] == "rsa-generated");
    let mut old = old.context("the realm has no key provider rsa-generated")?;
    let new = json!({
        "name": "rsa-new", "providerId": "rsa-generated", "providerType": KIND, "parentId": old["parentId"],
        "config": {
            "priority": ["200"], "enabled": ["true"], "active": ["true"],
            "keySize": ["2048"], "algorithm": ["RS256"],
        },
    });
    client.post(&components).bearer_auth(&token).json(&new).send().await?.error_for_status()?;
    (old["config"]["active"], old["config"]["enabled"]) = (json!(["false"]), json!(["false"]));
    let at = format!("{components}/{}", old["id"].as_str().context("a key provider without id")?);
    client.put(at).bearer_auth(&token).json(&old).send().await?.error_for_status()?;
    Ok(())
}

async fn token(client: &reqwest::Client, base: &str) -> Result<String> {
    let (username, password) = ADMINISTRATOR;
    let form = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", username),
        ("password", password),
    ];
    let url = format!("{base}/realms/master/protocol/openid-connect/token");
    let answer: Value = client.post(url).form(&form).send().await?.error_for_status()?.json().await?;
    answer["access_token"].as_str().map(str::to_owned).context("there is no access token")
}
