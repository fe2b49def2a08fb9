//! Devices that write without pause, each with messages waiting all the time. What became of them is compared in
//! ledger.rs.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wickr_base::{Clock as _, RoomId, SystemClock, UnixMillis};
use wickr_sdk::{Client, Connection, Delivery};

use crate::ledger::Line;
use crate::{PATIENCE, Pace, delivered};

/// How many messages of a device wait for their acknowledgement at any time.
const WAITING: usize = 8;

/// A device that writes, and where.
pub struct Writer {
    /// For a person who reads the test's words.
    pub name: String,
    /// The device.
    pub client: Client,
    /// A room that it is in.
    pub room: RoomId,
}

/// Running senders; they end when this is dropped.
pub struct Load {
    stop: watch::Sender<bool>,
    acknowledged: watch::Sender<u64>,
    senders: Vec<JoinHandle<Result<Vec<Line>>>>,
    clock: SystemClock,
}

impl Load {
    /// Each of the writers begins to send, all of them together at that pace.
    pub fn start(writers: impl IntoIterator<Item = Writer>, pace: Pace) -> Self {
        let writers: Vec<Writer> = writers.into_iter().collect();
        let (stop, acknowledged) = (watch::Sender::new(false), watch::Sender::new(0));
        let pace = pace.shared(writers.len());
        let mut senders = Vec::new();
        for writer in writers {
            let (stop, acknowledged) = (stop.subscribe(), acknowledged.clone());
            senders.push(tokio::spawn(async move {
                let sent = send(&writer, pace, &stop, &acknowledged).await;
                sent.with_context(|| format!("{} sends", writer.name))
            }));
        }
        Self { stop, acknowledged, senders, clock: SystemClock::new() }
    }

    /// How many messages are acknowledged by now.
    pub fn acknowledged(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    /// How many were acknowledged a second, since the beginning.
    pub fn rate(&self) -> f64 {
        let count = u32::try_from(self.acknowledged()).map_or(f64::MAX, f64::from);
        count / self.clock.elapsed().max(Duration::from_millis(1)).as_secs_f64()
    }

    /// Waits until `more` than now are acknowledged.
    pub async fn goes_on(&self, more: u64) -> Result<()> {
        let mut count = self.acknowledged.subscribe();
        let enough = *count.borrow() + more;
        match timeout(PATIENCE, count.wait_for(|count| *count >= enough)).await {
            Ok(Ok(_)) => Ok(()),
            _ => bail!("{} messages were acknowledged, and no {more} more", self.acknowledged()),
        }
    }

    /// Lets the senders finish what they have begun; gives all that was acknowledged, each sender's in its order.
    pub async fn finish(mut self) -> Result<Vec<Line>> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        for sender in self.senders.drain(..) {
            all.extend(sender.await.context("a sender's task")??);
        }
        Ok(all)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.senders.iter().for_each(JoinHandle::abort);
    }
}

async fn send(
    Writer { name, client, room }: &Writer,
    pace: Pace,
    stop: &watch::Receiver<bool>,
    count: &watch::Sender<u64>,
) -> Result<Vec<Line>> {
    let sender = client.account().uri();
    let (mut waiting, mut done, mut number) = (VecDeque::new(), Vec::new(), 0);
    let mut ticks = pace.ticks();
    loop {
        while !*stop.borrow() && waiting.len() < WAITING {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            let (id, text) = (client.message_id(), format!("{name} {number}"));
            client.send(room, id, &text, UnixMillis(0)).context("giving a message to the client")?;
            waiting.push_back((id, text));
            number += 1;
        }
        let Some((id, text)) = waiting.pop_front() else { return Ok(done) };
        let Delivery::Acknowledged { seq, .. } = delivered(client, room, id).await? else {
            bail!("\"{text}\" was refused")
        };
        done.push(Line { sender: sender.clone(), id, seq, text });
        count.send_modify(|count| *count += 1);
    }
}

/// A device whose connection may not end as long as this is kept.
pub struct Connected {
    task: JoinHandle<String>,
}

impl Connected {
    /// From now on.
    pub fn start(client: &Client) -> Self {
        let client = client.clone();
        let task = tokio::spawn(async move {
            let mut changes = client.changes();
            loop {
                changes.borrow_and_update();
                match client.connection() {
                    Connection::Online => {}
                    other => return format!("{client:?} was {other:?}"),
                }
                if changes.changed().await.is_err() {
                    return format!("{client:?} has ended");
                }
            }
        });
        Self { task }
    }

    /// Whether it stayed so until now; says what it was otherwise.
    pub async fn until_now(self) -> Result<()> {
        if self.task.is_finished() {
            bail!("{}", self.task.await.context("watching a connection")?);
        }
        self.task.abort();
        Ok(())
    }
}
