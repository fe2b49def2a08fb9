//! What happens to Keycloak, and what people see of it. On what: `stage`; their devices: `phone`; keys: `keys`.

mod keys;
mod phone;
mod stage;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use wickr_cluster::progress::say;

use phone::Phone;
use stage::Stage;

/// sso asks the provider about a session that it has not asked about for so long.
const ASKED_AGAIN: Duration = Duration::from_mins(16);

pub(crate) async fn play() -> Result<()> {
    let mut stage = Stage::up().await?;
    let mut alice = stage.sign_in("alice").await?;
    say("Keycloak and sso stand; alice has signed in");
    it_is_started_again(&mut stage, &mut alice).await.context("it is started again")?;
    its_keys_change(&mut stage, &mut alice).await.context("its keys change")?;
    its_clock_is_off(&mut stage, &mut alice).await.context("its clock is off")
}

async fn it_is_started_again(stage: &mut Stage, alice: &mut Phone) -> Result<()> {
    stage.blocking(wickr_cluster::Keycloak::stop)?;
    let why = stage.refusal("bob").await?;
    ensure!(why.starts_with("provider-unreachable"), "{why}");
    stage.pass(ASKED_AGAIN)?;
    ensure!(!stage.asks_about(alice).await?, "nobody is there to vouch");
    say(&format!("Keycloak is away: alice's session is bridged; to bob it is said: {why}"));
    stage.pass(ASKED_AGAIN)?;
    stage.start_again_ahead(0)?;
    stage.sign_in("bob").await.context("bob, now that it is back")?;
    stage.until_seen_well().await?;
    ensure!(stage.asks_about(alice).await?, "it vouches for alice again");
    say("Keycloak was started again: bob signs in, and alice's session is honoured");
    Ok(())
}

async fn its_keys_change(stage: &mut Stage, alice: &mut Phone) -> Result<()> {
    keys::rotate(&stage.keycloak).await?;
    stage.sign_in("bob").await.context("by the new key")?;
    stage.pass(ASKED_AGAIN)?;
    stage.start_again_ahead(0)?;
    stage.until_seen_well().await?;
    ensure!(stage.asks_about(alice).await?, "a refresh by the new key is honoured");
    let provider = stage.provider().await?;
    ensure!(provider["id_tokens"]["ok"] == true && provider["keys"]["ok"] == true, "{provider:#}");
    say("Keycloak signs with another key, and the old one is gone: a sign-in and a refresh work");
    Ok(())
}

async fn its_clock_is_off(stage: &mut Stage, alice: &mut Phone) -> Result<()> {
    for (off, reason) in [(600, "s in the future by our clock"), (-600, "s ago by our clock")] {
        stage.pass(ASKED_AGAIN)?;
        stage.start_again_ahead(off)?;
        stage.until_seen_well().await?;
        let why = stage.refusal("bob").await?;
        ensure!(why.starts_with("sign-in-refused"), "{why}");
        ensure!(why.contains(reason) && why.contains("at most 60 s apart") && why.contains("(NTP)"), "{why}");
        let provider = stage.provider().await?;
        let skew = provider["clock_skew_ms"].as_i64().context("no skew in sso's status")?;
        ensure!((skew / 1000 - off).abs() < 30, "{off} s off: {provider:#}");
        let told = provider["id_tokens"]["error"].as_str().unwrap_or_default();
        ensure!(told.contains(reason), "{provider:#}");
        ensure!(!stage.asks_about(alice).await?, "what does not hold is no yes");
        say(&format!(
            "Keycloak's clock is {off} s off: alice's session is bridged; to bob it is said: {why}"
        ));
    }
    stage.pass(ASKED_AGAIN)?;
    stage.start_again_ahead(0)?;
    stage.until_seen_well().await?;
    stage.sign_in("bob").await.context("in time again")?;
    ensure!(stage.asks_about(alice).await?, "its refresh token was not lost meanwhile");
    say("Keycloak's clock is right again: bob signs in, and alice's session is honoured");
    Ok(())
}
