//! From a join address to a client: trust the network by its pin, sign in, keep what was given.

use std::sync::Arc;

use wickr_base::{DeviceId, Secret};
use wickr_pki::{PkiError, SigningKey};
use wickr_policy::JoinUrl;

use super::core::{Core, Standing};
use super::handle::Client;
use crate::Error;
use crate::environment::Environment;
use crate::network;
use crate::profile::{Owned, Unlock, UnlockWith};
use crate::sign_in::{self, Prompt, Sso, Way};
use crate::store::{Account, Store};

/// What a sign-in needs.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The network.
    pub join: JoinUrl,
    /// How.
    pub way: Way,
    /// What the store is, or will be, unlocked with.
    pub unlock: UnlockWith,
}

/// Signs in with the profile: a new device, or the same device again when its session has ended. A profile that is a
/// copy of an earlier time becomes a new device and keeps its history; [`Client::replaced`] tells which one it was.
pub async fn sign_in(
    owned: Owned,
    asked: SignIn,
    environment: Environment,
    prompt: impl FnOnce(Prompt),
) -> Result<Client, Error> {
    let store = open_store(&owned, &asked.unlock, &environment, true).await?;
    let held = store.account()?;
    let is_old = store.old()?.is_some();
    let key = if is_old { Arc::new(new_key()?) } else { device_key(&store)? };
    if let (Some(held), Some(join)) = (&held, store.join_url()?)
        && join.root() != asked.join.root()
        && join.host() != asked.join.host()
    {
        let given = asked.join.host().parse().unwrap_or_else(|_| held.domain.clone());
        return Err(Error::OtherNetwork { held: held.domain.clone(), given });
    }
    if held.is_some()
        && let Some(kept) = store.document()?
        && !kept.pins.contains(&asked.join.root())
    {
        return Err(Error::OtherRoot { held: kept.pins, given: asked.join.root() });
    }
    let believed = network::join(&asked.join, &store, &environment).await?;
    let sso = Sso::new(&believed, key.clone(), &environment)?;
    let (account, session) = sign_in::sign_in(&sso, &believed, asked.way, &environment, prompt).await?;
    if let Some(held) = &held
        && (held.user != account.user || (!is_old && held.uri() != account.uri()))
    {
        return Err(Error::OtherPerson { held: held.handle.clone(), given: account.handle });
    }
    let replaced = held.filter(|_| is_old).map(|held| held.device);
    if is_old {
        store.begin_anew(&pkcs8(&key)?, &account, &session)?;
    } else {
        store.write(|| {
            store.save_account(&account)?;
            store.save_session(&session)
        })?;
    }
    start(owned, store, environment, key, account, replaced).await
}

/// Opens a profile that somebody has signed in with.
pub(super) async fn open(
    owned: Owned,
    unlock: &UnlockWith,
    environment: Environment,
) -> Result<Client, Error> {
    if !owned.profile().exists() {
        return Err(Error::NotSignedIn);
    }
    let store = open_store(&owned, unlock, &environment, false).await?;
    let account = store.account()?.ok_or(Error::NotSignedIn)?;
    let key = device_key(&store)?;
    start(owned, store, environment, key, account, None).await
}

async fn start(
    owned: Owned,
    store: Store,
    environment: Environment,
    key: Arc<SigningKey>,
    account: Account,
    replaced: Option<DeviceId>,
) -> Result<Client, Error> {
    let believed = network::kept(&store, &environment).await?;
    let standing = Standing::new(account, believed, &key, &environment)?;
    Ok(Client::start(owned, Core::new(store, environment, key, standing), replaced))
}

async fn open_store(
    owned: &Owned,
    with: &UnlockWith,
    environment: &Environment,
    create: bool,
) -> Result<Store, Error> {
    let (profile, with, rng) = (owned.profile().clone(), with.clone(), environment.rng.clone());
    // A passphrase takes a second of hard work.
    let work = move || {
        let key = if profile.unlock().exists() || !create {
            Unlock::read(&profile)?.key(&with)?
        } else {
            Unlock::create(&profile, &with, &*rng)?
        };
        Ok::<_, Error>(Store::open(&profile.store(), &key, rng)?)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Key { doing: "unlocking the store", source: error.into() })?
}

/// The device's key; made at the first sign-in, the same ever after.
fn device_key(store: &Store) -> Result<Arc<SigningKey>, Error> {
    let key = if let Some(pkcs8) = store.device_key()? {
        SigningKey::from_pkcs8(pkcs8.expose()).map_err(key_failed("reading the device key"))?
    } else {
        let key = new_key()?;
        store.save_device_key(&pkcs8(&key)?)?;
        key
    };
    Ok(Arc::new(key))
}

fn new_key() -> Result<SigningKey, Error> {
    SigningKey::generate().map_err(key_failed("making the device key"))
}

fn pkcs8(key: &SigningKey) -> Result<Secret<Vec<u8>>, Error> {
    key.to_pkcs8().map_err(key_failed("keeping the device key"))
}

fn key_failed(doing: &'static str) -> impl FnOnce(PkiError) -> Error {
    move |error| Error::Key { doing, source: error.into() }
}
