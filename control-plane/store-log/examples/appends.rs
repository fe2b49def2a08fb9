//! How many durable 1 KiB appends a second the engine takes through the port: `appends [in flight] [seconds] [rooms]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for measuring")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use wickr_base::{DeviceId, MessageId, Rng, SystemClock, SystemRng};
use wickr_store::queue::conformance::World;
use wickr_store::queue::{Append, BatchReport, Completed, Operation, QueueStore, Sink};
use wickr_store_log::{LogStore, Settings};

struct Answers(Sender<(usize, Vec<Instant>)>);

impl Sink<Instant> for Answers {
    fn completed(&mut self, batch: &mut Vec<Completed<Instant>>, _: BatchReport) {
        let sent = batch.drain(..).inspect(|one| assert!(one.outcome.is_ok())).map(|one| one.ticket);
        let sent: Vec<Instant> = sent.collect();
        let _ = self.0.send((sent.len(), sent));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|one| one.parse::<u64>().unwrap());
    let in_flight = arguments.next().unwrap_or(256);
    let seconds = arguments.next().unwrap_or(5);
    let rooms = arguments.next().unwrap_or(64);
    let data = tempfile::tempdir_in(".").unwrap();
    let (send, answers) = channel();
    let settings = Settings { data: data.path().to_owned() };
    let clock = Arc::new(SystemClock::new());
    let store = LogStore::open(&settings, clock, &SystemRng, Box::new(Answers(send))).unwrap();
    let mut world = World::new();
    let rng: &dyn Rng = &SystemRng;
    world.rooms = (0..rooms).map(|_| wickr_base::RoomId::random(world.domain.clone(), rng)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut metas = Vec::new();
    for (at, room) in world.rooms.iter().enumerate() {
        store.submit(world.create(at, 0), Instant::now()).unwrap();
        answers.recv().unwrap();
        metas.push(runtime.block_on(store.room(room)).unwrap().unwrap().meta);
    }
    let body = Bytes::from(rng.bytes::<1024>().to_vec());
    let devices: Vec<DeviceId> = (0..64).map(|_| DeviceId::random(rng)).collect();
    let begin = Instant::now();
    let (mut sent, mut done, mut latencies, mut syncs) = (0_u64, 0_u64, Vec::new(), 0_u64);
    while begin.elapsed() < Duration::from_secs(seconds) {
        while sent - done < in_flight {
            let meta = &metas[usize::try_from(sent % rooms).unwrap()];
            let append = Append {
                room: meta.number,
                generation: meta.generation,
                epoch: meta.epoch,
                sender: devices[usize::try_from(sent % 64).unwrap()],
                id: MessageId(rng.bytes()),
                expires_at: None,
                body: body.clone(),
            };
            store.submit(Operation::Append(append), Instant::now()).unwrap();
            sent += 1;
        }
        let (count, tickets) = answers.recv().unwrap();
        syncs += 1;
        done += count as u64;
        latencies.extend(tickets.into_iter().map(|at| at.elapsed().as_micros()));
    }
    let took = begin.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100] as f64 / 1000.0;
    println!(
        "{:.0} appends/s, p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms, {:.0} to an fsync",
        done as f64 / took,
        at(50),
        at(99),
        at(100),
        done as f64 / syncs as f64
    );
}
