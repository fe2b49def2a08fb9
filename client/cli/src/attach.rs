//! A command goes through the process that owns the profile.

use std::io;
use std::path::Path;

use crate::failure::Failure;
use crate::request::{Line, Request, Shown};
use crate::show::{Answer, Screen};
use crate::socket;

/// How going through the owner came out.
pub(crate) enum Attached {
    /// The owner has dealt with it.
    Done(Result<(), Failure>),
    /// The owner ended before it took the request, or hands it over: do it yourself. Carries how many messages of an
    /// endless reading were shown.
    Yours { shown: usize },
}

/// Asks the owner. An error is one of the socket: nobody listens there.
pub(crate) async fn attach(socket: &Path, request: &Request, screen: Screen) -> io::Result<Attached> {
    let mut lines = socket::connect(socket).await?;
    let mut accepted = false;
    let mut shown = 0;
    if lines.write(request).await.is_err() {
        return Ok(Attached::Yours { shown });
    }
    loop {
        match lines.read::<Line>().await {
            Ok(Some(Line::Accepted)) => accepted = true,
            Ok(Some(Line::Answer(answer))) => {
                screen.show(&answer)?;
                if matches!(answer, Answer::Message(_)) {
                    shown += 1;
                }
                lines.write(&Shown::Shown).await?;
            }
            Ok(Some(Line::Failed(failure))) => return Ok(Attached::Done(Err(failure))),
            Ok(Some(Line::Done)) => return Ok(Attached::Done(Ok(()))),
            Ok(Some(Line::Handover)) => return Ok(Attached::Yours { shown }),
            // Killed. What it did is durable or did not happen; asking again is safe for everything but making a room.
            Ok(None) | Err(_) if !accepted || !matters_twice(request) => {
                return Ok(Attached::Yours { shown });
            }
            Ok(None) | Err(_) => {
                return Ok(Attached::Done(Err(Failure::new(
                    crate::exit::Exit::Failed,
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
