//! A command goes through the process that owns the profile.

use std::io;
use std::path::Path;

use wickr_base::MessageId;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::request::{Line, Request, Shown};
use crate::show::{Answer, Screen};
use crate::socket;

/// How going through the owner came out.
pub(crate) enum Attached {
    /// The owner has dealt with it.
    Done(Result<(), Failure>),
    /// The owner ended before it took the request, or hands it over: do it yourself.
    Yours(Progress),
    /// Nobody looks at the answers any more.
    Unseen(io::Error),
}

/// How far an endless reading got.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How many messages were shown.
    pub(crate) shown: usize,
    /// The last of them: the owner may have ended before it could note that it was shown.
    pub(crate) last: Option<MessageId>,
}

/// Asks the owner. An error is one of the socket: nobody listens there.
pub(crate) async fn attach(socket: &Path, request: &Request, screen: Screen) -> io::Result<Attached> {
    let mut lines = socket::connect(socket).await?;
    let mut accepted = false;
    let mut progress = Progress::default();
    if lines.write(request).await.is_err() {
        return Ok(Attached::Yours(progress));
    }
    loop {
        match lines.read::<Line>().await {
            Ok(Some(Line::Accepted)) => accepted = true,
            Ok(Some(Line::Answer(answer))) => {
                if let Err(error) = screen.show(&answer) {
                    return Ok(Attached::Unseen(error));
                }
                if let Answer::Message(message) = &answer {
                    progress.shown += 1;
                    progress.last = Some(message.message);
                }
                // Should the owner be gone, the next read says so.
                let _ = lines.write(&Shown::Shown).await;
            }
            Ok(Some(Line::Failed(failure))) => return Ok(Attached::Done(Err(failure))),
            Ok(Some(Line::Done)) => return Ok(Attached::Done(Ok(()))),
            Ok(Some(Line::Handover)) => return Ok(Attached::Yours(progress)),
            // Killed. What it did is durable or did not happen; asking again is safe for everything but making a room.
            Ok(None) | Err(_) if !accepted || !matters_twice(request) => {
                return Ok(Attached::Yours(progress));
            }
            Ok(None) | Err(_) => {
                return Ok(Attached::Done(Err(Failure::new(
                    Exit::Failed,
                    "it is not known whether it was done",
                    "the process that owns the profile",
                    "it ended while it was at it",
                    "see \"wickr room list\" before you try again",
                ))));
            }
        }
    }
}

fn matters_twice(request: &Request) -> bool {
    matches!(request, Request::RoomCreate { .. })
}
