//! The relay's volume is lost and restored to an older state, by the commands of docs/backup.md: rooms go on by a next
//! generation, and nothing that a client still has is lost.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use wickr_base::{Generation, RoomId, SystemClock, SystemRng};
use wickr_cluster::progress::say;
use wickr_cluster::until;
use wickr_scenarios::device::Device;
use wickr_scenarios::handbook::Handbook;
use wickr_scenarios::suite::{NETWORK, Suite};
use wickr_sdk::store::Membership;
use wickr_store::queue::{BatchReport, Completed, QueueStore, Sink};
use wickr_store_log::{LogStore, Settings};

use super::Crowd;

const CLAIM: &str = "hq-relay-data";
const POD: &str = "hq-relay-0";
const KEPT: &str = "in the backup";
const LOST: [&str; 2] = ["acknowledged and lost, the tablet has it", "lost as well"];
const AFTER: [&str; 2] = ["after the restore", "and back"];
const AGAIN: &str = "after the second restore";

impl Crowd<'_> {
    pub(crate) async fn goes_on_after_the_relay_lost_its_volume(&mut self) -> Result<()> {
        let folder = tempfile::tempdir().context("making a folder")?;
        let handbook =
            Handbook::open("backup.md", &self.suite.kubernetes, folder.path(), &image(self.suite)?)?;
        let room = self.meet_in("what is left").await?;
        self.present[0].says(&room, KEPT).await?;
        for device in self.everybody() {
            device.hears(&room, &[KEPT]).await?;
        }
        let before = self.texts(&self.room)?;
        for block in 0..2 {
            handbook.follow("Make a backup", block).context("making a backup")?;
        }

        self.away.close().await;
        let [phone, tablet, bob] = &self.present;
        phone.says(&room, LOST[0]).await?;
        tablet.hears(&room, &LOST[..1]).await?;
        bob.says(&room, LOST[1]).await?;
        phone.hears(&room, &LOST).await?;
        lose_the_volume(self.suite)?;
        let said = handbook.follow("Restore a service", 0).context("restoring")?;
        say(&format!("docs/backup.md, \"Restore a service\": {}", said.trim().replace('\n', "; ")));
        self.suite.until_ready()?;
        self.away.open().await?;

        for device in self.everybody() {
            for room in [&room, &self.room] {
                device.until("a usable room", |device| is_usable(device, room)).await?;
            }
        }
        phone.says(&room, AFTER[0]).await?;
        self.away.hears(&room, &AFTER[..1]).await?;
        self.away.says(&room, AFTER[1]).await?;
        let mut wanted = [&[KEPT][..], &LOST, &AFTER].concat();
        wanted.sort_unstable();
        for device in self.everybody() {
            device.hears(&room, &wanted).await?;
            let mut texts = device.texts(&room)?;
            texts.sort();
            ensure!(texts == wanted, "{} has {texts:?}", device.name);
        }
        ensure!(self.texts(&self.room)? == before, "what was there before the backup isn't as it was");
        let generation = generation(self.suite, &room).await?;
        ensure!(generation > Generation(0), "the room has not gone on by a next generation");
        // The same once more as for a relay that can't run.
        handbook.follow("Restore a service", 1).context("restoring in a pod of its own")?;
        self.suite.until_ready()?;
        for device in self.everybody() {
            device.until("a usable room", |device| is_usable(device, &room)).await?;
        }
        self.away.says(&room, AGAIN).await?;
        wanted.push(AGAIN);
        for device in self.everybody() {
            device.hears(&room, &wanted).await?;
        }
        say(&format!("the room goes on in generation {generation:?}; everybody has each message once"));
        Ok(())
    }

    fn everybody(&self) -> impl Iterator<Item = &Device> {
        self.present.iter().chain([&self.away])
    }

    /// What each device has of a room.
    fn texts(&self, room: &RoomId) -> Result<Vec<Vec<String>>> {
        self.everybody().map(|device| device.texts(room)).collect()
    }
}

/// What the relay runs.
fn image(suite: &Suite) -> Result<String> {
    let relay = suite.kubernetes.get(NETWORK.namespace, "statefulset", "hq-relay")?;
    let image = relay.map(|relay| relay["spec"]["template"]["spec"]["containers"][0]["image"].clone());
    let image = image.as_ref().and_then(|image| image.as_str());
    Ok(image.context("the relay's StatefulSet has no image")?.to_owned())
}

fn is_usable(device: &Device, room: &RoomId) -> Result<bool> {
    let known = device.client()?.room(room).context("reading a room")?;
    Ok(known.is_some_and(|known| known.repair.is_none() && known.membership == Membership::Member))
}

/// Claim, volume and whatever was on it; the operator and kubelet make an empty one.
fn lose_the_volume(suite: &Suite) -> Result<()> {
    let kubernetes = &suite.kubernetes;
    let uid = || {
        Ok::<_, anyhow::Error>(
            kubernetes.get(NETWORK.namespace, "pvc", CLAIM)?.map(|claim| claim["metadata"]["uid"].clone()),
        )
    };
    let lost = uid()?;
    let namespace = ["-n", NETWORK.namespace];
    let delete =
        |what: &[&str]| kubernetes.run(&[&namespace[..], &["delete"], what, &["--wait=false"]].concat());
    delete(&["pvc", CLAIM])?;
    delete(&["pod", POD, "--force", "--grace-period=0"])?;
    until("an empty volume", Duration::from_mins(1), || Ok(uid()?.filter(|new| lost.as_ref() != Some(new))))?;
    let started = ["wait", "--for=condition=Ready", "pod", POD, "--timeout=90s"];
    kubernetes.run(&[&namespace[..], &started].concat()).map(drop)
}

/// In which the relay's store has the room: read from a second backup, which nobody else writes to.
async fn generation(suite: &Suite, room: &RoomId) -> Result<Generation> {
    let backup = ["wickr-server", "backup", "--config", "/etc/wickr/config/config.yaml"];
    let to = ["--to", "/var/lib/wickr/backup"];
    suite.kubernetes.run(&[&["exec", "-n", NETWORK.namespace, POD, "--"], &backup[..], &to].concat())?;
    let folder = tempfile::tempdir().context("making a folder")?;
    let settings = Settings { data: folder.path().join("store") };
    let copy = suite.volume(CLAIM)?.join("backup");
    wickr_store_log::restore(&copy, &settings.data, &SystemRng, &SystemClock::new())
        .context("restoring the second backup")?;
    let store = LogStore::<()>::open(&settings, Arc::new(SystemClock::new()), &SystemRng, Box::new(Nobody))
        .context("opening the restored store")?;
    let known = store.room(room).await.context("looking for the room")?;
    Ok(known.context("the relay has forgotten the room")?.meta.generation)
}

/// Nothing is asked of that store.
struct Nobody;

impl Sink<()> for Nobody {
    fn completed(&mut self, _: &mut Vec<Completed<()>>, _: BatchReport) {}
}
