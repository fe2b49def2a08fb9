//! Devices that write into one room without pause, each with messages waiting all the time. What became of them is
//! compared in ledger.rs.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wickr_base::{RoomId, UnixMillis};
use wickr_sdk::{Client, Delivery};

use crate::device::{Device, PATIENCE, delivered};
use crate::ledger::Line;

/// How many messages of a device wait for their acknowledgement at any time.
const WAITING: usize = 8;

/// Running senders; they end when this is dropped.
pub struct Load {
    stop: watch::Sender<bool>,
    acknowledged: watch::Sender<u64>,
    senders: Vec<JoinHandle<Result<Vec<Line>>>>,
}

impl Load {
    /// Each of the devices begins to send.
    pub fn start(devices: &[&Device], room: &RoomId) -> Result<Self> {
        let (stop, acknowledged) = (watch::Sender::new(false), watch::Sender::new(0));
        let mut senders = Vec::new();
        for device in devices {
            let (client, name) = (device.client()?.clone(), device.name.clone());
            let (room, stop, acknowledged) = (room.clone(), stop.subscribe(), acknowledged.clone());
            senders.push(tokio::spawn(async move {
                send(&client, &name, &room, &stop, &acknowledged)
                    .await
                    .with_context(|| format!("{name} sends"))
            }));
        }
        Ok(Self { stop, acknowledged, senders })
    }

    /// How many messages are acknowledged by now.
    pub fn acknowledged(&self) -> u64 {
        *self.acknowledged.borrow()
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
    client: &Client,
    name: &str,
    room: &RoomId,
    stop: &watch::Receiver<bool>,
    count: &watch::Sender<u64>,
) -> Result<Vec<Line>> {
    let sender = client.account().uri();
    let (mut waiting, mut done, mut number) = (VecDeque::new(), Vec::new(), 0);
    loop {
        while !*stop.borrow() && waiting.len() < WAITING {
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

/// Messages as a device was given them.
pub struct Reading {
    task: JoinHandle<Result<()>>,
    given: watch::Sender<Vec<Line>>,
}

impl Reading {
    /// Takes each message of the room that came after `place`, as an application does that shows them.
    pub fn start(device: &Device, room: &RoomId, mut place: i64) -> Result<Self> {
        let given = watch::Sender::new(Vec::new());
        let (client, room, take) = (device.client()?.clone(), room.clone(), given.clone());
        let task = tokio::spawn(async move {
            let mut changes = client.changes();
            loop {
                changes.borrow_and_update();
                for message in client.after(Some(&room), place, usize::MAX).context("reading messages")? {
                    place = message.place;
                    take.send_modify(|given| given.push(Line::from(message)));
                }
                changes.changed().await.context("the client has ended")?;
            }
        });
        Ok(Self { task, given })
    }

    /// Waits for a message of that text, after which nothing was sent, and for as many others; gives what came but it.
    /// Fewer than `others` are given too, after a while: to be compared.
    pub async fn until(self, last: &str, others: usize) -> Result<Vec<Line>> {
        let is_last = |line: &Line| line.text == last;
        let mut given = self.given.subscribe();
        let all = given.wait_for(|given| given.len() > others && given.iter().any(is_last));
        let _fewer_came = timeout(PATIENCE, all).await.map(drop);
        let given = self.given.borrow();
        ensure!(given.iter().any(is_last), "\"{last}\" didn't come; {} others did", given.len());
        Ok(given.iter().filter(|line| !is_last(line)).cloned().collect())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}
