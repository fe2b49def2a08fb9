//! A person's device by the client library, in the test's own process: many of them, sending as fast as they can
//! (people at the `wickr` command: people.rs).

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wickr_base::{RoomId, UnixMillis};
use wickr_load::{PATIENCE, Reading, Writer, delivered};
use wickr_sdk::profile::{Profile, UnlockWith};
use wickr_sdk::store::Message;
use wickr_sdk::{Client, Environment, Prompt, ResolveEntry, SignIn, Timings, Way, sign_in};

use crate::browser::Browser;

/// A signed-in device with its profile on disk.
pub struct Device {
    /// For a person who reads the test's words.
    pub name: String,
    profile: Profile,
    environment: Environment,
    client: Option<Client>,
}

/// Where a device signs in.
pub struct Entrance<'a> {
    /// The network's address for joining.
    pub join: &'a str,
    /// The host that clients know, and where it is found.
    pub host: (&'a str, IpAddr),
    /// For the provider's pages.
    pub browser: Browser,
}

impl Device {
    /// Signs `person` in by the provider's device grant, with a fresh profile below `home`, and waits for the connection.
    pub async fn sign_in(person: &str, device: &str, home: &Path, at: Entrance<'_>) -> Result<Self> {
        let name = format!("{person}-{device}");
        let folder = home.join(&name);
        if folder.exists() {
            fs::remove_dir_all(&folder).context("removing an earlier profile")?;
        }
        let (host, address) = at.host;
        let entry: ResolveEntry = format!("{host}:{address}").parse().context("naming the network")?;
        let environment = Environment {
            // As often as a person who presses "try again": the relay is away for seconds only.
            timings: Timings { reconnect_most: Duration::from_secs(2), ..Timings::default() },
            resolve: [entry].into_iter().collect(),
            ..Environment::system()
        };
        let profile = Profile::at(folder);
        let owned = profile.own().context("making a profile")?;
        let asked = SignIn {
            join: at.join.parse().context("reading the join address")?,
            way: Way::Code,
            unlock: UnlockWith::Nothing,
        };
        let (browser, username) = (at.browser, person.to_owned());
        let mut pages: Option<JoinHandle<Result<String>>> = None;
        let client = sign_in(owned, asked, environment.clone(), |prompt| {
            if let Prompt::Code { complete: Some(url), .. } = prompt {
                let password = format!("{username}-demo-password");
                pages = Some(tokio::spawn(async move { browser.sign_in(&url, &username, &password).await }));
            }
        })
        .await;
        if let Some(pages) = pages {
            pages.await.context("the browser's task")?.context("at the identity provider")?;
        }
        let client = client.with_context(|| format!("signing {name} in"))?;
        let device = Self { name, profile, environment, client: Some(client) };
        device.online().await?;
        Ok(device)
    }

    /// The running client.
    pub fn client(&self) -> Result<&Client> {
        self.client.as_ref().with_context(|| format!("{} is switched off", self.name))
    }

    /// Switches it off.
    pub async fn close(&mut self) {
        if let Some(client) = self.client.take() {
            client.stop().await;
        }
    }

    /// Switches it on again with what is on its disk.
    pub async fn open(&mut self) -> Result<()> {
        let owned = self.profile.own().context("taking the profile up again")?;
        let client = Client::open(owned, &UnlockWith::Nothing, self.environment.clone()).await;
        self.client = Some(client.with_context(|| format!("opening {}", self.name))?);
        Ok(())
    }

    /// Waits for the connection.
    pub async fn online(&self) -> Result<()> {
        let online = timeout(PATIENCE, self.client()?.online()).await;
        ensure!(matches!(online, Ok(Ok(()))), "{} is not online: {online:?}, {}", self.name, self.status());
        Ok(())
    }

    /// Says something and waits for the acknowledgement.
    pub async fn says(&self, room: &RoomId, text: &str) -> Result<()> {
        let client = self.client()?;
        let id = client.message_id();
        client.send(room, id, text, UnixMillis(0)).with_context(|| format!("sending \"{text}\""))?;
        delivered(client, room, id).await.with_context(|| format!("\"{text}\" of {}", self.name)).map(drop)
    }

    /// Waits until the device has messages of all those texts.
    pub async fn hears(&self, room: &RoomId, texts: &[&str]) -> Result<()> {
        let all = |heard: Vec<String>| texts.iter().all(|text| heard.iter().any(|heard| heard == text));
        self.until(&format!("{texts:?}"), |device| Ok(all(device.texts(room)?))).await
    }

    /// Waits until something holds of the device.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let mut changes = self.client()?.changes();
        let work = async {
            loop {
                changes.borrow_and_update();
                if holds(self)? {
                    return Ok(());
                }
                changes.changed().await.context("the client has ended")?;
            }
        };
        match timeout(PATIENCE, work).await {
            Ok(done) => done,
            Err(_) => bail!("{} waited in vain for {what}: {}", self.name, self.status()),
        }
    }

    /// All texts of a room in the order of arrival.
    pub fn texts(&self, room: &RoomId) -> Result<Vec<String>> {
        Ok(self.messages(room)?.into_iter().map(|message| message.text).collect())
    }

    /// All messages of a room in the order of arrival.
    pub fn messages(&self, room: &RoomId) -> Result<Vec<Message>> {
        self.client()?.after(Some(room), 0, usize::MAX).context("reading messages")
    }

    /// The place of the newest message on this device.
    pub fn place(&self) -> Result<i64> {
        let newest = self.client()?.history(None, 1).context("reading the newest message")?;
        Ok(newest.last().map_or(0, |message| message.place))
    }

    /// It as one that writes into the room.
    pub fn writer(&self, room: &RoomId) -> Result<Writer> {
        Ok(Writer { name: self.name.clone(), client: self.client()?.clone(), room: room.clone() })
    }

    /// What it is given in the room after `place`.
    pub fn reading(&self, room: &RoomId, place: i64) -> Result<Reading> {
        Ok(Reading::start(self.client()?, room, place))
    }

    fn status(&self) -> String {
        self.client().map_or_else(|error| error.to_string(), |client| format!("{:#?}", client.status()))
    }
}
