//! The load: pairs of a sender and a receiver, each sender with a fixed number of messages in flight or at a fixed rate.
//! What a subject must be able to do is `Sender` and `Receiver`; `drive` is the same for all of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use tokio::sync::Notify;
use wickr_base::{Clock, SystemClock};

use crate::row;

/// Bytes of payload in each message.
pub(crate) const PAYLOAD: usize = 1024;

/// Slots for send times; more than any window, so that a slot is free again before it is used again.
const SLOTS: usize = 1 << 16;

/// The sending half of a pair.
#[async_trait::async_trait]
pub(crate) trait Sender: Send {
    /// Puts message `number` on its way; may buffer until `flush`.
    async fn send(&mut self, number: u64) -> Result<()>;
    /// Sends what is buffered.
    async fn flush(&mut self) -> Result<()>;
    /// Waits until at least one more message is acknowledged; returns how many were. Safe to cancel.
    async fn acknowledged(&mut self) -> Result<usize>;
}

/// The receiving half of a pair.
#[async_trait::async_trait]
pub(crate) trait Receiver: Send {
    /// Waits for deliveries and appends the numbers of the messages, in the order in which they came.
    /// Safe to cancel.
    async fn delivered(&mut self, numbers: &mut Vec<u64>) -> Result<()>;
}

/// When a sender sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Closed loop: whenever fewer than so many of its messages are in flight.
    InFlight(usize),
    /// Open loop: one each time so much has gone by, whatever comes back. Latency counts from when it was due, so a
    /// server that stalls pays for all that it keeps waiting.
    Every(Duration),
}

impl Pace {
    /// When message `number` is due, in microseconds since the sender began, if there is such a time.
    fn due(self, number: u64) -> Option<u64> {
        match self {
            Self::InFlight(_) => None,
            Self::Every(time) => Some(number.saturating_mul(duration_micros(time))),
        }
    }

    fn may_send(self, number: u64, flying: usize, now: u64) -> bool {
        match self {
            Self::InFlight(most) => flying < most,
            Self::Every(_) => self.due(number).is_none_or(|due| due <= now),
        }
    }
}

/// How hard to push.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Pairs at once.
    pub(crate) pairs: u32,
    /// When a sender sends.
    pub(crate) pace: Pace,
    /// Not measured, first.
    pub(crate) warm_up: Duration,
    /// Measured.
    pub(crate) measure: Duration,
}

/// What was measured: send-to-delivery latency in microseconds and the rate of deliveries.
pub(crate) struct Measured {
    /// Latencies in microseconds.
    pub(crate) latency: Histogram<u64>,
    /// Messages delivered per second.
    pub(crate) throughput: f64,
    /// CPU of the server for one message, user and system time, in microseconds.
    pub(crate) cpu_micros: Option<f64>,
    /// The same of this process: what making the load costs.
    pub(crate) load_micros: Option<f64>,
}

struct Shared {
    clock: SystemClock,
    sent_at: Vec<AtomicU64>,
    stop: AtomicBool,
    /// How many were sent, once the sender has ended and all are acknowledged.
    total: OnceLock<u64>,
    ended: Notify,
}

/// Runs all pairs; fails if any message is lost, doubled or out of order.
pub(crate) async fn drive(
    pairs: Vec<(Box<dyn Sender>, Box<dyn Receiver>)>,
    shape: Shape,
    server: u32,
) -> Result<Measured> {
    let clock = SystemClock::new();
    let mut tasks = Vec::new();
    let mut stops = Vec::new();
    for (sender, receiver) in pairs {
        let shared = Arc::new(Shared {
            clock,
            sent_at: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            stop: AtomicBool::new(false),
            total: OnceLock::new(),
            ended: Notify::new(),
        });
        stops.push(shared.clone());
        let sending = tokio::spawn(send(sender, shared.clone(), shape.pace));
        tasks.push((sending, tokio::spawn(receive(receiver, shared, shape))));
    }
    let cpu = || [row::cpu(server), row::cpu(std::process::id())];
    tokio::time::sleep(shape.warm_up).await;
    let before = cpu();
    tokio::time::sleep(shape.measure).await;
    let after = cpu();
    for shared in &stops {
        shared.stop.store(true, Ordering::Relaxed);
    }
    let mut latency = histogram()?;
    let mut count = 0;
    for (sending, receiving) in tasks {
        sending.await.context("joining a sender")?.context("sending")?;
        let part = tokio::time::timeout(Duration::from_secs(30), receiving)
            .await
            .context("messages are missing at the end")?
            .context("joining a receiver")?
            .context("receiving")?;
        count += part.len();
        latency.add(part).context("adding up the latencies")?;
    }
    let per_message = |at: usize| Some((after[at]? - before[at]?) * 1e6 / to_f64(count.max(1)));
    Ok(Measured {
        throughput: to_f64(count) / shape.measure.as_secs_f64(),
        latency,
        cpu_micros: per_message(0),
        load_micros: per_message(1),
    })
}

async fn send(mut sender: Box<dyn Sender>, shared: Arc<Shared>, pace: Pace) -> Result<()> {
    let (began, mut next, mut flying) = (micros(&shared.clock), 0, 0);
    loop {
        let stop = shared.stop.load(Ordering::Relaxed);
        while !stop && pace.may_send(next, flying, micros(&shared.clock) - began) {
            let sent = pace.due(next).map_or_else(|| micros(&shared.clock), |due| began + due);
            shared.sent_at[slot(next)].store(sent, Ordering::Relaxed);
            sender.send(next).await?;
            next += 1;
            flying += 1;
        }
        if stop && flying == 0 {
            let _first = shared.total.set(next);
            shared.ended.notify_one();
            return Ok(());
        }
        sender.flush().await?;
        let due = pace.due(next).filter(|_| !stop).map(|due| began + due);
        tokio::select! {
            more = sender.acknowledged(), if flying > 0 => flying -= more?.min(flying),
            () = until(&shared.clock, due), if due.is_some() => {}
        }
    }
}

async fn until(clock: &SystemClock, due: Option<u64>) {
    let left = due.unwrap_or(0).saturating_sub(micros(clock));
    tokio::time::sleep(Duration::from_micros(left)).await;
}

async fn receive(
    mut receiver: Box<dyn Receiver>,
    shared: Arc<Shared>,
    shape: Shape,
) -> Result<Histogram<u64>> {
    let from = micros(&shared.clock) + duration_micros(shape.warm_up);
    let to = from + duration_micros(shape.measure);
    let mut latency = histogram()?;
    let mut expected = 0;
    let mut numbers = Vec::new();
    while shared.total.get() != Some(&expected) {
        numbers.clear();
        tokio::select! {
            heard = receiver.delivered(&mut numbers) => heard?,
            () = shared.ended.notified() => {}
        }
        let now = micros(&shared.clock);
        for number in &numbers {
            if *number != expected {
                bail!("message {number} came where {expected} was expected");
            }
            expected += 1;
            if (from..to).contains(&now) {
                let sent = shared.sent_at[slot(*number)].load(Ordering::Relaxed);
                latency.saturating_record(now.saturating_sub(sent));
            }
        }
    }
    Ok(latency)
}

fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, 60_000_000, 3).context("making a histogram")
}

fn slot(number: u64) -> usize {
    usize::try_from(number % SLOTS as u64).unwrap_or(0)
}

fn micros(clock: &SystemClock) -> u64 {
    duration_micros(clock.elapsed())
}

fn duration_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
