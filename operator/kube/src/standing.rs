//! How a watch stands: what a pass may believe of a kind (kept in `cache`, told by `watch`).

/// How a watch stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has come yet.
    #[default]
    Starting,
    /// The first list is in.
    Synced,
    /// The last attempt failed with this answer; `forbidden` when the operator may not.
    Failing {
        /// Whether the API server said that the operator may not.
        forbidden: bool,
        /// The API server's answer.
        reason: String,
    },
}
