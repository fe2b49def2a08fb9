//! What the tests of sso run on: a provider that can misbehave (`idp`, `endpoints`, `token`), and a whole sso with people (`world`).

mod endpoints;
mod full;
mod idp;
mod token;
mod world;

pub(crate) use idp::{Behaviour, CLIENT_SECRET, Refreshing, Twist};
pub(crate) use token::Signing;
pub(crate) use world::{Answer, Phone, World};
