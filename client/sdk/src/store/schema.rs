//! The tables of the client store and how they grow. Values are sealed (`seal`); ids, numbers and counts are not.

use rusqlite::Connection;

use super::StoreError;

/// Each step is applied once, in order; `PRAGMA user_version` counts them. Never changed, only added to.
const STEPS: &[&str] = &["
    CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE mls (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE room (id TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE message (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        room TEXT NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL, sender BLOB NOT NULL,
        mine INTEGER NOT NULL, time INTEGER NOT NULL, expires INTEGER NOT NULL, value BLOB NOT NULL,
        UNIQUE (room, id, sender)) STRICT;
    CREATE INDEX message_by_room ON message (room, place);
    CREATE INDEX message_by_expiry ON message (expires) WHERE expires > 0;
    CREATE TABLE outbox (place INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL, id BLOB NOT NULL UNIQUE, value BLOB NOT NULL) STRICT;
    CREATE TABLE own_commit (room TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE person (tag BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE notice (place INTEGER PRIMARY KEY AUTOINCREMENT, value BLOB NOT NULL) STRICT;
"];

/// Brings an open database to the newest form; refuses one that a newer program wrote.
pub(super) fn migrate(connection: &Connection) -> Result<(), StoreError> {
    let sql = |source| StoreError::Sql { doing: "bringing the store to the newest form", source };
    let done: usize =
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).map_err(sql)? as usize;
    if done > STEPS.len() {
        return Err(StoreError::TooNew { found: done, known: STEPS.len() });
    }
    for (at, step) in STEPS.iter().enumerate().skip(done) {
        let script = format!("BEGIN IMMEDIATE; {step} PRAGMA user_version = {}; COMMIT;", at + 1);
        connection.execute_batch(&script).map_err(sql)?;
    }
    Ok(())
}
