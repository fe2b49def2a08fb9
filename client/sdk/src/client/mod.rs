//! The client at work: one file for each thing it does; `core` holds what they share, `drive` keeps it going.

mod agenda;
mod catch_up;
mod commit;
mod core;
mod credentials;
mod drive;
mod handle;
mod join;
mod login;
mod outbox;
mod people;
mod receive;
mod repair;
mod rooms;
mod status;
mod succession;
mod upkeep;

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod taking_in;
#[cfg(test)]
mod testing;

pub use handle::{Client, Delivery};
pub use login::{SignIn, sign_in};
pub use people::Member;
pub use rooms::Invitation;
pub use status::{Connection, RoomStatus, Status};
