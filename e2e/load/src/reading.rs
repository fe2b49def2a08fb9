//! Messages as a device was given them, to be compared with what was acknowledged (`ledger`).

use anyhow::{Context, Result, ensure};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wickr_base::RoomId;
use wickr_sdk::Client;

use crate::PATIENCE;
use crate::ledger::Line;

/// Messages as a device was given them.
pub struct Reading {
    task: JoinHandle<Result<()>>,
    given: watch::Sender<Vec<Line>>,
}

impl Reading {
    /// Takes each message of the room that came after `place`, as an application does that shows them.
    pub fn start(client: &Client, room: &RoomId, mut place: i64) -> Self {
        let given = watch::Sender::new(Vec::new());
        let (client, room, take) = (client.clone(), room.clone(), given.clone());
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
        Self { task, given }
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
