//! The identity provider: how it is reached (`door`, `trust`), what it says (`discovery`), what it is asked
//! (`code`, `device_grant`, `refresh`), what of its answers is read (`answer`), what is believed (`id_token`), and whether it may go into service
//! (`rehearsal`, `in_service`).

mod answer;
mod asking;
mod code;
mod device_grant;
mod discovery;
mod door;
mod id_token;
mod in_service;
mod refresh;
mod rehearsal;
mod settings;
mod tokens;
mod trust;

pub(crate) use asking::Asking;
pub(crate) use code::{Bound, authorize_url, exchange};
pub(crate) use device_grant::{Answer, ask as ask_device_grant, begin as begin_device_grant};
pub(crate) use discovery::Known;
pub use door::DoorLimits;
pub(crate) use id_token::IdTokenError;
pub(crate) use in_service::{InService, Look, NotInService};
pub(crate) use refresh::{ask as ask_refresh, give_back};
pub(crate) use rehearsal::{Check, Rehearsed, rehearse};
pub(crate) use settings::{Settings, SettingsBody, SettingsError};
pub(crate) use tokens::{TokenError, Tokens, Vouched, made_at, refresh_of};
