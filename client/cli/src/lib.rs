//! The wickr command.
