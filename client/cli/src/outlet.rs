//! Where an answer goes while a request is dealt with: to this process's screen, or to another one's over the socket.

use std::io;

use crate::request::{Line, Shown};
use crate::show::{Answer, Screen};
use crate::socket::Lines;

/// Takes answers; each has been shown when `give` returns.
pub(crate) enum Outlet {
    Screen(Screen),
    Peer(Lines),
}

impl Outlet {
    /// Shows one answer. An error means that nobody is there to see it: it does not count as shown.
    pub(crate) async fn give(&mut self, answer: Answer) -> io::Result<()> {
        match self {
            Self::Screen(screen) => screen.show(&answer),
            Self::Peer(lines) => {
                lines.write(&Line::Answer(answer)).await?;
                match lines.read::<Shown>().await? {
                    Some(Shown::Shown) => Ok(()),
                    None => Err(io::ErrorKind::BrokenPipe.into()),
                }
            }
        }
    }

    /// Ends when whoever asked has gone.
    pub(crate) async fn gone(&mut self) {
        match self {
            Self::Screen(_) => std::future::pending().await,
            Self::Peer(lines) => {
                // Between two answers the peer says nothing; whatever ends this means that it is no longer there.
                let _ = lines.read::<Shown>().await;
            }
        }
    }
}
