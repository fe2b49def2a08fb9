//! What commands answer, as values (`answer`), and how a person (`text`) or a program gets to see it (`screen`).

pub(crate) mod answer;
mod screen;
mod table;
mod text;

pub(crate) use answer::Answer;
pub(crate) use screen::{Screen, print};
