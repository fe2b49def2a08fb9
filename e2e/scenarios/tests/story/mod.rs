//! The acts of level4_story that the demo doesn't play: four devices in one room, and what is done to their relay and its keys.

mod crowd;
mod killed;
mod replaced;
mod restored;

pub(crate) use crowd::Crowd;
use killed::everybody_was_heard;
