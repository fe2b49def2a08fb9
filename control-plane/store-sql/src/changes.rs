//! The table `changes`: numbered, append-only.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use wickr_base::{DeviceId, UnixMillis, UserId};
use wickr_model::{Change, ChangeKind, SessionId};
use wickr_store::directory::{Changes, DirectoryError};

use crate::row::{Columns, engine};
use crate::transaction::Table;

fn read(row: &SqliteRow) -> Result<Change, DirectoryError> {
    let columns = Columns::new("changes", row);
    let session = match columns.get::<Option<&[u8]>>("session")? {
        None => None,
        Some(_) => Some(SessionId(columns.sixteen("session")?)),
    };
    let kind: &str = columns.need("kind")?;
    Ok(Change {
        number: columns.number("number")?,
        kind: ChangeKind::parse(kind, session)
            .ok_or_else(|| columns.unreadable("kind", format!("\"{kind}\" is unknown")))?,
        user: columns.user("user")?,
        device: columns.device("device")?,
        at: columns.time("at")?,
    })
}

#[async_trait]
impl Changes for Table<'_> {
    async fn add(
        &mut self,
        kind: ChangeKind,
        user: UserId,
        device: DeviceId,
        at: UnixMillis,
    ) -> Result<Change, DirectoryError> {
        let done =
            sqlx::query("INSERT INTO changes (kind, user, device, session, at) VALUES (?, ?, ?, ?, ?)")
                .bind(kind.name())
                .bind(user.as_bytes().as_slice())
                .bind(device.as_bytes().as_slice())
                .bind(kind.session().map(|session| session.0.to_vec()))
                .bind(at.0)
                .execute(&mut *self.connection)
                .await
                .map_err(engine(|| format!("adding a change of device \"{device}\"")))?;
        let number = u64::try_from(done.last_insert_rowid()).unwrap_or(0);
        Ok(Change { number, kind, user, device, at })
    }

    async fn list(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, DirectoryError> {
        let rows = sqlx::query("SELECT * FROM changes WHERE number > ? ORDER BY number LIMIT ?")
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(engine(|| format!("listing changes after {after}")))?;
        rows.iter().map(read).collect()
    }

    async fn head(&mut self) -> Result<u64, DirectoryError> {
        self.count("SELECT coalesce(max(number), 0) FROM changes").await
    }
}
