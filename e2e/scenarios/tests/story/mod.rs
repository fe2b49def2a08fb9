//! The acts of level4_story that the demo doesn't play: four devices in one room, and what is done to their relay.

mod crowd;
mod killed;
mod restored;

pub(crate) use crowd::Crowd;
