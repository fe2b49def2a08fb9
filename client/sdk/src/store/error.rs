//! What can go wrong in the client store.

/// A step of the store that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("{doing}")]
    Sql {
        /// What was attempted.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// The store was sealed with another key.
    #[error("the store does not open with this key")]
    WrongKey,
    /// The key is not usable.
    #[error("making the sealing key from the store key")]
    Key,
    /// A value could not be sealed.
    #[error("sealing a value of table \"{table}\"")]
    Seal {
        /// Which table.
        table: &'static str,
    },
    /// A sealed value was changed on disk.
    #[error("a value of table \"{table}\" does not open: the store is damaged or was altered")]
    Damaged {
        /// Which table.
        table: &'static str,
    },
    /// An opened value does not read as what should be there.
    #[error("reading a record of table \"{table}\"")]
    Record {
        /// Which table.
        table: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A newer program has written the store.
    #[error("the store has form {found}, this program knows up to {known}")]
    TooNew {
        /// The form on disk.
        found: usize,
        /// The newest this program reads.
        known: usize,
    },
}
