//! The table `sessions`.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use wickr_base::DeviceId;
use wickr_model::{Ended, ProviderRef, Sealed, Session, SessionId};
use wickr_store::directory::{DirectoryError, Sessions};

use crate::row::{Columns, engine};
use crate::transaction::Table;

fn read(row: &SqliteRow) -> Result<Session, DirectoryError> {
    let columns = Columns::new("sessions", row);
    let ended = match columns.get::<Option<&str>>("ended")? {
        None => None,
        Some(text) => Some(
            Ended::parse(text)
                .ok_or_else(|| columns.unreadable("ended", format!("\"{text}\" is unknown")))?,
        ),
    };
    Ok(Session {
        id: SessionId(columns.sixteen("id")?),
        device: columns.device("device")?,
        provider: ProviderRef { issuer: columns.need("issuer")?, client_id: columns.need("client_id")? },
        refresh: columns.get::<Option<Vec<u8>>>("refresh")?.map(Sealed),
        started_at: columns.time("started_at")?,
        honoured_at: columns.time("honoured_at")?,
        asked_at: columns.time("asked_at")?,
        ended,
    })
}

#[async_trait]
impl Sessions for Table<'_> {
    async fn lookup(&mut self, device: DeviceId) -> Result<Option<Session>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM sessions WHERE device = ?")
            .bind(device.as_bytes().as_slice())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| format!("looking up the session of device \"{device}\"")))?;
        row.as_ref().map(read).transpose()
    }

    async fn save(&mut self, session: &Session) -> Result<(), DirectoryError> {
        sqlx::query(
            "INSERT OR REPLACE INTO sessions (device, id, issuer, client_id, refresh, started_at, honoured_at, \
             asked_at, ended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(session.device.as_bytes().as_slice())
        .bind(session.id.0.as_slice())
        .bind(&session.provider.issuer)
        .bind(&session.provider.client_id)
        .bind(session.refresh.as_ref().map(|sealed| sealed.0.as_slice()))
        .bind(session.started_at.0)
        .bind(session.honoured_at.0)
        .bind(session.asked_at.0)
        .bind(session.ended.map(Ended::as_str))
        .execute(&mut *self.connection)
        .await
        .map_err(engine(|| format!("saving the session of device \"{}\"", session.device)))?;
        Ok(())
    }
}
