//! What the tests of sso run on: a provider that can misbehave (`idp`, `endpoints`,
//! `token`, below HTTP `wire`), and a whole sso with people (`world`).

mod endpoints;
mod full;
mod idp;
mod token;
mod wire;
mod world;

pub(crate) use idp::{Behaviour, CLIENT_SECRET, Idp, Refreshing, Twist};
pub(crate) use token::Signing;
pub(crate) use wire::{Wire, head, json, typed};
pub(crate) use world::{Answer, Phone, World};
