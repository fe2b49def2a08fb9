//! One transaction, handed out as the port's repositories. Where it begins: `open`.

use async_trait::async_trait;
use sqlx::{Sqlite, SqliteConnection};
use wickr_store::directory::{
    Changes, Devices, DirectoryError, Flows, Providers, Sessions, Transaction, Users,
};

use crate::row::engine;

/// Rolls back when dropped.
pub(crate) struct SqliteTransaction {
    inner: sqlx::Transaction<'static, Sqlite>,
}

/// A repository: a table of the transaction's connection.
pub(crate) struct Table<'t> {
    pub(crate) connection: &'t mut SqliteConnection,
}

impl SqliteTransaction {
    pub(crate) fn new(inner: sqlx::Transaction<'static, Sqlite>) -> Self {
        Self { inner }
    }

    fn table(&mut self) -> Table<'_> {
        Table { connection: &mut self.inner }
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    fn users(&mut self) -> Box<dyn Users + '_> {
        Box::new(self.table())
    }

    fn devices(&mut self) -> Box<dyn Devices + '_> {
        Box::new(self.table())
    }

    fn sessions(&mut self) -> Box<dyn Sessions + '_> {
        Box::new(self.table())
    }

    fn flows(&mut self) -> Box<dyn Flows + '_> {
        Box::new(self.table())
    }

    fn providers(&mut self) -> Box<dyn Providers + '_> {
        Box::new(self.table())
    }

    fn changes(&mut self) -> Box<dyn Changes + '_> {
        Box::new(self.table())
    }

    async fn commit(self: Box<Self>) -> Result<(), DirectoryError> {
        self.inner.commit().await.map_err(engine(|| "committing".to_owned()))
    }
}

impl Table<'_> {
    pub(crate) async fn count(&mut self, query: &'static str) -> Result<u64, DirectoryError> {
        let count: i64 = sqlx::query_scalar(query)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(engine(|| "counting".to_owned()))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
