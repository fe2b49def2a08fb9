//! The relay is killed again and again while three devices write without pause; a fourth is switched off meanwhile.
//! Every message that was acknowledged is given to everybody, once, and in the order of its sender.

use anyhow::{Context, Result, ensure};
use wickr_base::{Rng, SystemRng};
use wickr_cluster::progress::say;
use wickr_load::ledger::{Line, compare};
use wickr_load::{Load, Pace};

use super::Crowd;

const LAST: &str = "that was all";

impl Crowd<'_> {
    pub(crate) async fn writes_while_the_relay_is_killed(&mut self, times: u64) -> Result<()> {
        let place = self.away.place()?;
        self.away.close().await;
        let mut reading = Vec::new();
        for device in &self.present {
            reading.push((device.name.clone(), device.reading(&self.room, device.place()?)?));
        }
        let writers: Result<Vec<_>> = self.present.iter().map(|device| device.writer(&self.room)).collect();
        let load = Load::start(writers?, Pace::Acknowledged);
        for round in 0..times {
            // Which message is on its way when it happens is up to chance.
            load.goes_on(u64::from(10 + random() % 40))
                .await
                .with_context(|| format!("before kill {round}"))?;
            // A new pod, and a new container in the old one, in turn.
            self.suite.kill_the_relay(round.is_multiple_of(2))?;
        }
        load.goes_on(10).await.context("after the last kill")?;
        let acknowledged = load.finish().await?;
        self.away.open().await?;
        reading.push((self.away.name.clone(), self.away.reading(&self.room, place)?));
        self.present[0].says(&self.room, LAST).await?;
        for (name, reading) in reading {
            let given = reading.until(LAST, acknowledged.len()).await.context(name.clone())?;
            compare(&acknowledged, &given).with_context(|| format!("what {name} was given"))?;
        }
        everybody_was_heard(&acknowledged, self.present.len())?;
        say(&format!(
            "{} acknowledged messages of {} devices through {times} kills, each given to {} devices once and in order",
            acknowledged.len(),
            self.present.len(),
            self.present.len() + 1,
        ));
        Ok(())
    }
}

/// A test in which some device had nothing to lose would prove little.
pub(super) fn everybody_was_heard(acknowledged: &[Line], devices: usize) -> Result<()> {
    let mut senders: Vec<_> = acknowledged.iter().map(|line| &line.sender).collect();
    senders.sort();
    senders.dedup();
    ensure!(senders.len() == devices, "only {} of {devices} devices got anything through", senders.len());
    Ok(())
}

fn random() -> u8 {
    let mut byte = [0];
    SystemRng.fill(&mut byte);
    byte[0]
}
