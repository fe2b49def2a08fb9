//! Devices that sign in, stay, and come back when the connection is lost: after the SDK's own delays.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wickr_base::{SystemClock, SystemRng};
use wickr_sdk::Timings;
use wickr_service::testing::TestDevice;

use crate::relay::{Buffers, Connection, Door, Proof, RelayServer, TokenSigner};

/// Sign-ins at a time while the crowd gathers.
pub(crate) const AT_A_TIME: usize = 64;

/// Addresses they come from, so that nobody runs out of ports.
const ADDRESSES: u8 = 8;

/// Without news from anybody something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

enum News {
    Online(Instant),
    Lost,
    /// The attempt that began then came to nothing.
    Failed(Instant, anyhow::Error),
}

/// Many devices, each with a task of its own.
pub(crate) struct Crowd {
    tasks: JoinSet<()>,
    news: UnboundedReceiver<News>,
    stop: watch::Sender<bool>,
    online: usize,
    size: usize,
}

/// How the crowd came back.
pub(crate) struct Back {
    /// One per device.
    pub(crate) times: Vec<Duration>,
    /// Attempts that failed although somebody listened.
    pub(crate) refused: usize,
    /// Why the first of them did.
    pub(crate) why: Option<anyhow::Error>,
}

impl Crowd {
    /// New people, all online when it returns.
    pub(crate) async fn gather(server: &RelayServer, size: u32) -> Result<Self> {
        let signer = Arc::new(TokenSigner::new(server.network(), &SystemClock::new())?);
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let (tell, news) = unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let size = usize::try_from(size).context("counting devices")?;
        let mut crowd = Self { tasks: JoinSet::new(), news, stop, online: 0, size };
        for number in 0..size {
            let turn = Arc::clone(&turns).acquire_owned().await.context("waiting for a turn")?;
            let person = Person {
                door: server.door(),
                from: address(number),
                tell: tell.clone(),
                stopped: stopped.clone(),
            };
            let (device, signer) = (server.network().device(), Arc::clone(&signer));
            crowd.tasks.spawn(async move { person.live(device, signer, turn).await });
            crowd.hear_what_is_there()?;
        }
        while crowd.online < size {
            crowd.hear().await?;
        }
        Ok(crowd)
    }

    /// Fails where a connection was lost while nothing was asked of it.
    pub(crate) fn nobody_lost(&mut self) -> Result<()> {
        self.hear_what_is_there()
    }

    /// Waits until all who were lost are online again; times count from `listening`.
    pub(crate) async fn back_since(&mut self, listening: Instant) -> Result<Back> {
        let mut back = Back { times: Vec::with_capacity(self.size), refused: 0, why: None };
        let mut lost = 0;
        while back.times.len() < self.size {
            let Some(news) = timeout(PATIENCE, self.news.recv()).await.context("waiting for devices")? else {
                bail!("all devices have ended")
            };
            match news {
                News::Online(at) => back.times.push(at.saturating_duration_since(listening)),
                News::Failed(began, error) if began >= listening => {
                    back.refused += 1;
                    back.why.get_or_insert(error);
                }
                News::Failed(..) => {}
                News::Lost => lost += 1,
            }
            if lost > self.size {
                bail!("a device was lost again after it had come back")
            }
        }
        Ok(back)
    }

    /// All hang up.
    pub(crate) async fn close(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }

    fn hear_what_is_there(&mut self) -> Result<()> {
        while let Ok(news) = self.news.try_recv() {
            self.take(news)?;
        }
        Ok(())
    }

    async fn hear(&mut self) -> Result<()> {
        let news = timeout(PATIENCE, self.news.recv()).await.context("waiting for devices to sign in")?;
        self.take(news.context("all devices have ended")?)
    }

    fn take(&mut self, news: News) -> Result<()> {
        match news {
            News::Online(_) => self.online += 1,
            News::Lost => bail!("a connection was lost while nothing was asked of it"),
            News::Failed(_, error) => return Err(error.context("signing a device in")),
        }
        Ok(())
    }
}

struct Person {
    door: Door,
    from: IpAddr,
    tell: UnboundedSender<News>,
    stopped: watch::Receiver<bool>,
}

impl Person {
    /// `turn` is held until the first sign-in is done.
    async fn live(
        mut self,
        device: TestDevice,
        signer: Arc<TokenSigner>,
        turn: tokio::sync::OwnedSemaphorePermit,
    ) {
        let mut turn = Some(turn);
        let proof = match signer.proof(&device) {
            Ok(proof) => proof,
            Err(error) => return self.say(News::Failed(Instant::now(), error)),
        };
        drop(device);
        let (timings, mut failures) = (Timings::default(), 0);
        loop {
            let began = Instant::now();
            match self.come_online(&proof).await {
                Ok(mut connection) => {
                    self.say(News::Online(Instant::now()));
                    (turn, failures) = (None, 0);
                    tokio::select! {
                        () = connection.until_lost() => {}
                        _ = self.stopped.wait_for(|stop| *stop) => return,
                    }
                    self.say(News::Lost);
                }
                Err(error) => self.say(News::Failed(began, error)),
            }
            drop(turn.take());
            tokio::select! {
                () = sleep(timings.reconnect(failures, &SystemRng)) => {}
                _ = self.stopped.wait_for(|stop| *stop) => return,
            }
            failures += 1;
        }
    }

    /// Signed in, resumed, and sent all that waited.
    async fn come_online(&self, proof: &Proof) -> Result<Connection> {
        let mut connection = Connection::open(&self.door, Buffers::IDLE, Some(self.from), proof).await?;
        connection.caught_up().await.context("catching up")?;
        Ok(connection)
    }

    fn say(&self, news: News) {
        // Nobody listens any more when the crowd is closing.
        let _ = self.tell.send(news);
    }
}

/// Where the device of that number comes from.
pub(crate) fn address(number: usize) -> IpAddr {
    let last = u8::try_from(number % usize::from(ADDRESSES)).unwrap_or(0);
    Ipv4Addr::new(127, 0, 0, 2 + last).into()
}
