//! The demo's story, act by act; level 4 tests tell it too. Each act says in one line what it has shown.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;

use crate::forward::Forward;
use crate::ground::Ground;
use crate::monitoring::Monitoring;
use crate::people::{Following, Person};
use crate::search;
use crate::suite::{HOSTNAME, NETWORK, RELAY_PORT, SSO_PORT, SYSTEM, Suite};
use crate::tap::{Identity, Tap};

const SOON: Duration = Duration::from_secs(20);

/// Alice, Bob and the room that they share.
pub struct Cast<'a> {
    suite: &'a Suite,
    /// Writes first.
    pub alice: Person,
    /// Answers.
    pub bob: Person,
    room: String,
    reading: Following,
    listening: Following,
    tap: Tap,
    _past_the_tap: Forward,
    said: Vec<(String, Value)>,
}

impl<'a> Cast<'a> {
    /// Signs both in at the provider and lets them meet in a room. Their clients reach the relay through a tap.
    pub fn meet(suite: &'a Suite) -> Result<Self> {
        let (tap, past) = suite.runtime.block_on(tapped(suite))?;
        let [alice, bob] = ["alice", "bob"].map(|name| {
            let mut person = suite.person(name);
            person.finds(HOSTNAME, tapped_at(suite).into());
            person
        });
        for person in [&alice, &bob] {
            forget(person)?;
            suite.sign_in(person)?;
        }
        let listening = bob.follow()?;
        let reading = alice.follow()?;
        let made = alice.json(&["room", "create", "convoy planning"])?;
        let room = made.last().and_then(|made| made["room"].as_str()).context("no room was made")?.to_owned();
        alice.run(&["room", "invite", &room, "bob@hq.example"])?;
        Ok(Self { suite, alice, bob, room, reading, listening, tap, _past_the_tap: past, said: Vec::new() })
    }

    /// Each says something and the other reads it.
    pub fn talk_both_ways(&mut self) -> Result<String> {
        let out = self.alice_says("the convoy leaves at nine")?;
        let back = self.bob_says("understood, nine at the north gate")?;
        ensure!(
            out["sender"] == "alice@hq.example" && back["sender"] == "bob@hq.example",
            "the senders are wrong: {out} {back}"
        );
        Ok(format!("seq {} and {} in {}", out["seq"], back["seq"], self.room))
    }

    /// Kills the relay between two messages.
    pub fn lose_the_relay(&mut self) -> Result<String> {
        self.alice_says("before the crash")?;
        self.suite.kill_the_relay(true)?;
        self.alice_says("after the crash")?;
        let lost = match self.suite.kubernetes.ground() {
            Ground::Own(_) => "1 process killed by SIGKILL",
            Ground::Given(_) => "1 pod deleted without grace",
        };
        Ok(format!("{lost}, the next message arrived"))
    }

    /// Searches what the relay could see: its volume, and the decrypted frames of both clients.
    pub fn search_what_the_relay_saw(&self) -> Result<String> {
        let frames = self.tap.recorded();
        let volume = self.suite.what_the_relay_keeps()?;
        let text = self.said.iter().map(|(text, _)| text.as_str());
        for secret in text.chain(["convoy planning", "alice", "bob@"]) {
            for (place, bytes) in [("frames", &frames), ("volume", &volume)] {
                if let Some(spelling) = search::find(bytes, secret.as_bytes()) {
                    bail!("\"{secret}\" stands in the relay's {place} ({spelling:?})");
                }
            }
        }
        let kept = match self.suite.kubernetes.ground() {
            Ground::Own(_) => "volume",
            Ground::Given(_) => "backup",
        };
        let (_, message) = self.said.last().context("nothing was said")?;
        let id = hex::decode(message["message"].as_str().context("a message without an id")?)
            .context("reading a message id")?;
        let room = self.room.rsplit('/').next().unwrap_or_default();
        for (place, bytes) in [("frames", &frames), ("volume", &volume)] {
            ensure!(
                search::find(bytes, room.as_bytes()).is_some() || finds_uuid(bytes, room),
                "control: the room is not in the {place}"
            );
            ensure!(search::find(bytes, &id).is_some(), "control: the message id is not in the {place}");
        }
        Ok(format!(
            "{} KB of frames and {} KB of {kept}: text and names nowhere, room and message id found",
            frames.len() / 1000,
            volume.len() / 1000
        ))
    }

    /// Lets a real Prometheus scrape the pods and asks it.
    pub fn scrape(&self) -> Result<String> {
        let prometheus = Monitoring::start(&self.suite.kubernetes, &[NETWORK.namespace, SYSTEM])?;
        let scraped = "count(up{namespace=~\"hq|wickr-system\"} == 1)";
        let up = prometheus.until(scraped, Duration::from_secs(30), |up| up >= 4.0)?;
        let messages = prometheus.until("sum(wickr_relay_messages_total)", SOON, |count| count >= 1.0)?;
        Ok(format!("{up} pods scraped, wickr_relay_messages_total = {messages} since the crash"))
    }

    /// What somebody can type next.
    pub fn commands(&self) -> Vec<String> {
        let [alice, bob] = [&self.alice, &self.bob].map(|person| {
            let mut person = person.clone();
            person.finds(HOSTNAME, self.suite.kubernetes.ground().node());
            person.line()
        });
        let room = &self.room;
        vec![
            format!("{alice} read"),
            format!("{alice} send '{room}' hello"),
            format!("{bob} send '{room}' 'hello to you'"),
        ]
    }

    fn alice_says(&mut self, text: &str) -> Result<Value> {
        self.alice.run(&["send", "--wait", "90s", &self.room, text])?;
        let heard = self.listening.until_text(text, SOON)?;
        self.said.push((text.to_owned(), heard.clone()));
        Ok(heard)
    }

    fn bob_says(&mut self, text: &str) -> Result<Value> {
        self.bob.run(&["send", "--wait", "90s", &self.room, text])?;
        let heard = self.reading.until_text(text, SOON)?;
        self.said.push((text.to_owned(), heard.clone()));
        Ok(heard)
    }
}

/// A device of an earlier story: signed out, because the network counts them, unless it was of a network that is gone.
fn forget(person: &Person) -> Result<()> {
    if person.profile().exists() {
        let _gone = person.run(&["logout", "--yes"]);
    }
    if person.profile().exists() {
        fs::remove_dir_all(person.profile()).context("removing an earlier profile")?;
    }
    Ok(())
}

/// UUIDs also stand as 16 bytes.
fn finds_uuid(bytes: &[u8], uuid: &str) -> bool {
    hex::decode(uuid.replace('-', "")).is_ok_and(|raw| search::find(bytes, &raw).is_some())
}

/// An address of this machine alone, another one for each cluster, because the ports are those that the network tells.
fn tapped_at(suite: &Suite) -> Ipv4Addr {
    match suite.kubernetes.ground() {
        Ground::Own(cluster) => {
            let [.., node] = cluster.node_ip().octets();
            Ipv4Addr::new(127, 0, 0, node)
        }
        Ground::Given(_) => Ipv4Addr::new(127, 0, 1, 1),
    }
}

async fn tapped(suite: &Suite) -> Result<(Tap, Forward)> {
    let secret = |key| suite.kubernetes.secret(NETWORK.namespace, "hq-public-tls", key);
    let (chain, key, issuers) = (secret("tls.crt")?, secret("tls.key")?, secret("ca.crt")?);
    let identity = Identity {
        chain: CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .context("reading the public certificate")?,
        key: PrivateKeyDer::from_pem_slice(&key).context("reading the public key")?,
        anchors: CertificateDer::pem_slice_iter(&issuers)
            .collect::<Result<_, _>>()
            .context("reading its issuer")?,
        name: ServerName::try_from(HOSTNAME).context("naming the relay")?,
    };
    let at = |port| SocketAddr::from((tapped_at(suite), port));
    let tap = Tap::start(at(RELAY_PORT), suite.public(RELAY_PORT), identity).await?;
    let past = Forward::start(at(SSO_PORT), suite.public(SSO_PORT)).await?;
    Ok((tap, past))
}
