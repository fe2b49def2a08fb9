//! The table `providers`: at most two rows, the one in service and the one before it.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use wickr_model::{ProviderRecord, ProviderRef, Sealed};
use wickr_store::directory::{DirectoryError, Providers};

use crate::row::{Columns, engine, millis};
use crate::transaction::Table;

fn read(row: &SqliteRow) -> Result<ProviderRecord, DirectoryError> {
    let columns = Columns::new("providers", row);
    Ok(ProviderRecord {
        generation: columns.need("generation")?,
        provider: ProviderRef { issuer: columns.need("issuer")?, client_id: columns.need("client_id")? },
        client_secret: Sealed(columns.need("client_secret")?),
        ca_bundle_pem: columns.get("ca_bundle_pem")?,
        scopes: serde_json::from_str(columns.need("scopes")?)
            .map_err(|error| columns.unreadable("scopes", error.to_string()))?,
        username_claim: columns.need("username_claim")?,
        refresh_grace: columns.span("refresh_grace_ms")?,
        adopted_at: columns.time("adopted_at")?,
    })
}

impl Table<'_> {
    async fn provider(&mut self, role: &'static str) -> Result<Option<ProviderRecord>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM providers WHERE role = ?")
            .bind(role)
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| format!("looking up the provider \"{role}\"")))?;
        row.as_ref().map(read).transpose()
    }
}

#[async_trait]
impl Providers for Table<'_> {
    async fn active(&mut self) -> Result<Option<ProviderRecord>, DirectoryError> {
        self.provider("Active").await
    }

    async fn previous(&mut self) -> Result<Option<ProviderRecord>, DirectoryError> {
        self.provider("Previous").await
    }

    async fn adopt(&mut self, record: &ProviderRecord) -> Result<(), DirectoryError> {
        let adopting = engine(|| format!("adopting provider generation \"{}\"", record.generation));
        sqlx::query("DELETE FROM providers WHERE role = 'Previous'")
            .execute(&mut *self.connection)
            .await
            .map_err(&adopting)?;
        sqlx::query("UPDATE providers SET role = 'Previous' WHERE role = 'Active'")
            .execute(&mut *self.connection)
            .await
            .map_err(&adopting)?;
        let scopes = serde_json::Value::from(record.scopes.clone()).to_string();
        sqlx::query(
            "INSERT INTO providers (role, generation, issuer, client_id, client_secret, ca_bundle_pem, scopes, \
             username_claim, refresh_grace_ms, adopted_at) VALUES ('Active', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&record.generation)
        .bind(&record.provider.issuer)
        .bind(&record.provider.client_id)
        .bind(&record.client_secret.0)
        .bind(&record.ca_bundle_pem)
        .bind(scopes)
        .bind(&record.username_claim)
        .bind(millis(record.refresh_grace))
        .bind(record.adopted_at.0)
        .execute(&mut *self.connection)
        .await
        .map_err(&adopting)?;
        Ok(())
    }
}
