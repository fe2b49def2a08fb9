//! One connection's task: writes what its outbox holds, reads what the device sends, catches up in between.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::{self, Message};
use wickr_base::Seq;
use wickr_service::Stranger;
use wickr_store::queue::RoomNumber;
use wickr_wire::ProblemCode;
use wickr_wire::relay::{Challenge, ClientFrame, Goodbye as WireGoodbye, client_frame, relay_frame, reply};

use crate::connect::{BEFORE_SIGN_IN, Socket};
use crate::frames;
use crate::limits::Allowance;
use crate::outbox::{Connection, Goodbye, Outgoing, Who};
use crate::refusal::Refusal;
use crate::relay::Relay;
use crate::room::Room;

/// Messages of one device that may be on their way to the disk; above it nothing more is read from its socket.
const IN_FLIGHT: usize = 1024;

/// Messages that are taken in before the outbox is looked at again.
const BURST: usize = 32;

/// Rare requests of one device that run at the same time.
const RARE: usize = 4;

/// A room as this connection knows it.
pub(crate) struct Place {
    pub(crate) room: Arc<Room>,
    /// The last entry that was sent.
    pub(crate) sent: Seq,
    /// The last entry that the device gets.
    pub(crate) until: Option<Seq>,
}

/// What the task alone knows.
pub(crate) struct Session {
    pub(crate) relay: Arc<Relay>,
    pub(crate) shared: Arc<Connection>,
    pub(crate) socket: Socket,
    /// Counted against its address until it has signed in.
    stranger: Option<Stranger>,
    pub(crate) nonce: [u8; 32],
    pub(crate) who: Option<Who>,
    /// What its device has used of its rates; its own until it is known whose it is.
    pub(crate) used: Allowance,
    pub(crate) places: HashMap<RoomNumber, Place>,
    pub(crate) names: HashMap<Arc<str>, RoomNumber>,
    /// The last entries of rooms that it left and was sent all of, until the device says that it holds them.
    pub(crate) left: HashMap<RoomNumber, Seq>,
    /// Rooms whose next entries must come from the log.
    pub(crate) behind: HashSet<RoomNumber>,
    /// Whether the inbox has something that was not sent, and up to where it was.
    pub(crate) inbox: bool,
    pub(crate) inbox_sent: u64,
    /// Whether `Resume` was answered and `CaughtUp` was not said yet.
    pub(crate) resuming: bool,
    pub(crate) resumed: bool,
    rare: Arc<Semaphore>,
    /// A rare request that waits for its turn; nothing more is read until it has it.
    waiting: VecDeque<(u64, client_frame::Body, Who)>,
}

/// The connection is over; nothing more can be said.
pub(crate) struct Over;

pub(crate) async fn run(relay: Arc<Relay>, socket: Socket, stranger: Option<Stranger>) {
    let shared = Connection::new(relay.ticks());
    relay.live.open(&shared);
    let nonce = relay.rng.bytes();
    let mut session = Session {
        relay,
        shared,
        socket,
        stranger,
        nonce,
        who: None,
        used: Allowance::default(),
        places: HashMap::new(),
        names: HashMap::new(),
        left: HashMap::new(),
        behind: HashSet::new(),
        inbox: false,
        inbox_sent: 0,
        resuming: false,
        resumed: false,
        rare: Arc::new(Semaphore::new(RARE)),
        waiting: VecDeque::new(),
    };
    let shared = Arc::clone(&session.shared);
    // However it ends, there is nobody left to tell.
    tokio::select! {
        _ = Box::pin(session.serve()) => {}
        () = shared.cut.notified() => {}
    }
    for place in session.places.values() {
        place.room.unsubscribe(&session.shared);
    }
    session.relay.live.close(&session.shared);
    if session.who.is_some() {
        session.relay.meters.devices.dec();
    }
}

impl Session {
    async fn serve(&mut self) -> Result<(), Over> {
        self.challenge().await?;
        let shared = Arc::clone(&self.shared);
        loop {
            self.begin_rare();
            let may_read = shared.in_flight.load(Ordering::Relaxed) < IN_FLIGHT && self.waiting.is_empty();
            let behind = self.inbox || !self.behind.is_empty();
            // Without order, so that a device that sends much and one that gets much are both heard.
            tokio::select! {
                () = shared.filled() => self.write_out().await?,
                message = self.socket.next(), if may_read => self.read_burst(message).await?,
                () = std::future::ready(()), if behind || self.resuming => self.catch_up().await?,
            }
        }
    }

    async fn challenge(&mut self) -> Result<(), Over> {
        let document = self.relay.documents.borrow().as_ref().map_or(0, |held| held.document.number);
        let challenge = Challenge {
            nonce: Bytes::copy_from_slice(&self.nonce),
            time_ms: self.relay.now().0,
            incarnation: Bytes::copy_from_slice(&self.relay.store.incarnation().0),
            document,
        };
        self.feed(frames::body(relay_frame::Body::Challenge(challenge))).await?;
        self.flush().await
    }

    /// Writes everything that waits, then lets it go out.
    async fn write_out(&mut self) -> Result<(), Over> {
        let filled = self.shared.take();
        self.behind.extend(filled.missed.into_iter().filter(|room| self.places.contains_key(room)));
        self.inbox |= filled.inbox && self.resumed;
        for outgoing in filled.queue {
            self.write(outgoing).await?;
        }
        if let Some(goodbye) = filled.goodbye {
            return self.say_goodbye(goodbye).await;
        }
        self.flush().await
    }

    async fn write(&mut self, outgoing: Outgoing) -> Result<(), Over> {
        match outgoing {
            Outgoing::Frame(frame) => self.feed(frame).await,
            Outgoing::Ping => self.socket.feed(Message::Ping(Bytes::new())).await.map_err(|_| Over),
            Outgoing::Entries { room, first, last, frame } => {
                self.write_entries(room, first, last, frame).await
            }
            Outgoing::Joined { room, from } => {
                self.join(room, from);
                Ok(())
            }
            Outgoing::Left { room, until } => {
                self.leave(room, until);
                Ok(())
            }
        }
    }

    /// Sends live entries if they are the next ones. Whatever else is the matter, the log has the answer.
    async fn write_entries(
        &mut self,
        room: RoomNumber,
        first: Seq,
        last: Seq,
        frame: Bytes,
    ) -> Result<(), Over> {
        let Some(place) = self.places.get_mut(&room) else { return Ok(()) };
        if last <= place.sent {
            return Ok(());
        }
        if first != place.sent.next() || place.until.is_some() || self.behind.contains(&room) {
            self.behind.insert(room);
            return Ok(());
        }
        place.sent = last;
        self.relay.meters.delivered_bytes.inc_by(frame.len() as u64);
        self.feed(frame).await
    }

    fn join(&mut self, room: Arc<Room>, from: Seq) {
        let (Some(who), true) = (&self.who, self.resumed) else { return };
        // Resume may have read of it already.
        if self.places.get(&room.number).is_some_and(|place| place.sent >= from) {
            return;
        }
        room.subscribe(who.device, &self.shared);
        self.names.insert(Arc::clone(&room.name), room.number);
        self.left.remove(&room.number);
        self.behind.insert(room.number);
        self.places.insert(room.number, Place { room, sent: from, until: None });
    }

    fn leave(&mut self, room: RoomNumber, until: Seq) {
        if let Some(place) = self.places.get_mut(&room)
            && place.sent <= until
        {
            place.until = Some(until);
        }
        self.forget_finished(room);
    }

    /// A room that the device has left, and was sent all of, is none of this connection's any more: the room itself is
    /// let go, or it would stay in memory as long as this connection. What the device holds of it is still to be heard.
    pub(crate) fn forget_finished(&mut self, room: RoomNumber) {
        let finished =
            self.places.get(&room).is_some_and(|place| place.until.is_some_and(|until| place.sent >= until));
        if finished && let Some(place) = self.places.remove(&room) {
            self.behind.remove(&room);
            place.room.unsubscribe(&self.shared);
            self.left.insert(room, place.sent);
        }
    }

    /// Takes in a message and those that have come with it.
    async fn read_burst(&mut self, first: Option<tungstenite::Result<Message>>) -> Result<(), Over> {
        let mut next = first;
        for _ in 0..BURST {
            let Some(Ok(message)) = next else { return self.read_no_more().await };
            self.read(message).await?;
            if !self.waiting.is_empty() {
                return Ok(());
            }
            match self.socket.next().now_or_never() {
                Some(after) => next = after,
                None => return Ok(()),
            }
        }
        let Some(Ok(message)) = next else { return self.read_no_more().await };
        self.read(message).await
    }

    /// The connection is over; a stranger who said too much is told why.
    async fn read_no_more(&mut self) -> Result<(), Over> {
        if self.socket.get_ref().is_used_up() {
            let refusal = Refusal::too_large("what is said before signing in", BEFORE_SIGN_IN);
            return self.break_off(refusal).await;
        }
        Err(Over)
    }

    async fn read(&mut self, message: Message) -> Result<(), Over> {
        self.shared.hear(self.relay.ticks());
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
            Message::Close(_) => return Err(Over),
            Message::Text(_) => return self.break_off(Refusal::malformed("a text message")).await,
        };
        let Ok(frame) = ClientFrame::decode(bytes) else {
            return self.break_off(Refusal::malformed("the frame")).await;
        };
        let Some(body) = frame.body else {
            return self.break_off(Refusal::malformed("an empty frame")).await;
        };
        self.handle(frame.request, body).await
    }

    async fn handle(&mut self, request: u64, body: client_frame::Body) -> Result<(), Over> {
        use client_frame::Body;
        let who = match (&body, &self.who) {
            (Body::Authenticate(_), _) => None,
            (_, Some(who)) => Some(who.clone()),
            (_, None) => {
                let detail = "authenticate first, with a session token and the signed challenge";
                let refusal = Refusal::new(ProblemCode::Unauthenticated, detail);
                return self.answer(request, Err(refusal)).await;
            }
        };
        match (body, who) {
            (Body::SendMessage(send), Some(who)) => match self.send_message(request, send, &who) {
                Ok(()) => Ok(()),
                Err(refusal) => self.answer(request, Err(refusal)).await,
            },
            (Body::Acknowledge(acknowledge), Some(who)) => {
                self.acknowledge(&acknowledge, &who);
                if request == 0 { Ok(()) } else { self.done(request).await }
            }
            (Body::Authenticate(proof), _) => {
                if self.who.is_some()
                    && let Err(wait) = self.relay.limits.request(&self.used, self.relay.clock.elapsed())
                {
                    return self.answer(request, Err(wait.into())).await;
                }
                self.authenticate(request, proof).await?;
                if self.who.is_some() {
                    self.socket.get_mut().open();
                    if let Some(stranger) = self.stranger.take() {
                        stranger.is_known();
                    }
                }
                Ok(())
            }
            (Body::Resume(resume), Some(who)) => self.resume(request, resume, &who).await,
            (body, Some(who)) => {
                if let Err(wait) = self.relay.limits.request(&self.used, self.relay.clock.elapsed()) {
                    return self.answer(request, Err(wait.into())).await;
                }
                self.waiting.push_back((request, body, who));
                self.begin_rare();
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    /// Runs rare requests beside the connection, so that live entries go on; one too many waits for its turn without
    /// holding anything up but what the device says after it.
    fn begin_rare(&mut self) {
        while !self.waiting.is_empty() {
            let Ok(turn) = Arc::clone(&self.rare).try_acquire_owned() else { return };
            let Some((request, body, who)) = self.waiting.pop_front() else { return };
            let (relay, shared) = (Arc::clone(&self.relay), Arc::clone(&self.shared));
            let used = Arc::clone(&self.used);
            tokio::spawn(async move {
                let answer = match relay.rare(&shared, &used, &who, body).await {
                    Ok(outcome) => frames::answer(request, outcome),
                    Err(refusal) => {
                        relay.meters.refuse(&refusal);
                        frames::refused(request, &refusal)
                    }
                };
                // Before the answer, which wakes the connection: it then finds the turn free.
                drop(turn);
                shared.send(Outgoing::Frame(answer));
            });
        }
    }

    pub(crate) async fn done(&mut self, request: u64) -> Result<(), Over> {
        self.answer(request, Ok(reply::Outcome::Done(wickr_wire::relay::Done {}))).await
    }

    /// Answers at once.
    pub(crate) async fn answer(
        &mut self,
        request: u64,
        outcome: Result<reply::Outcome, Refusal>,
    ) -> Result<(), Over> {
        let frame = match outcome {
            Ok(outcome) => frames::answer(request, outcome),
            Err(refusal) => {
                self.relay.meters.refuse(&refusal);
                frames::refused(request, &refusal)
            }
        };
        self.feed(frame).await?;
        self.flush().await
    }

    /// Ends the connection because of what the device sent.
    async fn break_off(&mut self, refusal: Refusal) -> Result<(), Over> {
        self.relay.meters.refuse(&refusal);
        self.say_goodbye(Goodbye { code: refusal.code, detail: refusal.detail }).await
    }

    async fn say_goodbye(&mut self, goodbye: Goodbye) -> Result<(), Over> {
        let said = WireGoodbye { code: goodbye.code.as_str().to_owned(), detail: goodbye.detail };
        self.feed(frames::body(relay_frame::Body::Goodbye(said))).await?;
        self.flush().await?;
        let _ = self.socket.send(Message::Close(None)).await;
        Err(Over)
    }

    pub(crate) async fn feed(&mut self, frame: Bytes) -> Result<(), Over> {
        self.socket.feed(Message::Binary(frame)).await.map_err(|_| Over)
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Over> {
        self.socket.flush().await.map_err(|_| Over)?;
        self.shared.hear(self.relay.ticks());
        Ok(())
    }
}
