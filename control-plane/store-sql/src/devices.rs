//! The table `devices`.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use wickr_base::{DeviceId, UserId};
use wickr_model::{CertificateLife, Device, DeviceKey};
use wickr_store::directory::{Devices, DirectoryError};

use crate::row::{Columns, engine};
use crate::transaction::Table;

fn read(row: &SqliteRow) -> Result<Device, DirectoryError> {
    let columns = Columns::new("devices", row);
    Ok(Device {
        id: columns.device("id")?,
        user: columns.user("user")?,
        key: DeviceKey { spki: columns.need("spki")?, thumbprint: columns.need("thumbprint")? },
        certificate: columns.need("certificate")?,
        life: CertificateLife {
            not_before: columns.time("not_before")?,
            not_after: columns.time("not_after")?,
        },
        created_at: columns.time("created_at")?,
        revoked_at: columns.maybe_time("revoked_at")?,
    })
}

#[async_trait]
impl Devices for Table<'_> {
    async fn lookup(&mut self, id: DeviceId) -> Result<Option<Device>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM devices WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| format!("looking up device \"{id}\"")))?;
        row.as_ref().map(read).transpose()
    }

    async fn lookup_key(&mut self, spki: &[u8]) -> Result<Option<Device>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM devices WHERE spki = ?")
            .bind(spki)
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| "looking up a device by its key".to_owned()))?;
        row.as_ref().map(read).transpose()
    }

    async fn list(&mut self, user: UserId) -> Result<Vec<Device>, DirectoryError> {
        let rows = sqlx::query("SELECT * FROM devices WHERE user = ? ORDER BY created_at, id")
            .bind(user.as_bytes().as_slice())
            .fetch_all(&mut *self.connection)
            .await
            .map_err(engine(|| format!("listing the devices of \"{user}\"")))?;
        rows.iter().map(read).collect()
    }

    async fn add(&mut self, device: &Device) -> Result<(), DirectoryError> {
        sqlx::query(
            "INSERT INTO devices (id, user, spki, thumbprint, certificate, not_before, not_after, created_at, \
             revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(device.id.as_bytes().as_slice())
        .bind(device.user.as_bytes().as_slice())
        .bind(&device.key.spki)
        .bind(&device.key.thumbprint)
        .bind(&device.certificate)
        .bind(device.life.not_before.0)
        .bind(device.life.not_after.0)
        .bind(device.created_at.0)
        .bind(device.revoked_at.map(|at| at.0))
        .execute(&mut *self.connection)
        .await
        .map_err(engine(|| format!("adding device \"{}\"", device.id)))?;
        Ok(())
    }

    async fn save(&mut self, device: &Device) -> Result<(), DirectoryError> {
        sqlx::query(
            "UPDATE devices SET certificate = ?, not_before = ?, not_after = ?, revoked_at = ? WHERE id = ?",
        )
        .bind(&device.certificate)
        .bind(device.life.not_before.0)
        .bind(device.life.not_after.0)
        .bind(device.revoked_at.map(|at| at.0))
        .bind(device.id.as_bytes().as_slice())
        .execute(&mut *self.connection)
        .await
        .map_err(engine(|| format!("saving device \"{}\"", device.id)))?;
        Ok(())
    }

    async fn count_of(&mut self, user: UserId) -> Result<u64, DirectoryError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM devices WHERE user = ? AND revoked_at IS NULL")
                .bind(user.as_bytes().as_slice())
                .fetch_one(&mut *self.connection)
                .await
                .map_err(engine(|| format!("counting the devices of \"{user}\"")))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn count(&mut self) -> Result<u64, DirectoryError> {
        Table::count(self, "SELECT count(*) FROM devices WHERE revoked_at IS NULL").await
    }
}
