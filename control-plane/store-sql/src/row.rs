//! Columns to values and engine errors to the port's errors; every row is checked as it is read.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};
use wickr_base::{DeviceId, UnixMillis, UserId};
use wickr_store::directory::DirectoryError;

/// Says what was attempted when SQLite fails.
pub(crate) fn engine<F: Fn() -> String>(doing: F) -> impl Fn(sqlx::Error) -> DirectoryError {
    move |error| {
        let doing = doing();
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                DirectoryError::Exists { doing }
            }
            // SQLITE_FULL, https://sqlite.org/rescode.html#full
            sqlx::Error::Database(database) if database.code().as_deref() == Some("13") => {
                DirectoryError::Full { doing }
            }
            _ => DirectoryError::Engine { doing, source: Box::new(error) },
        }
    }
}

/// One row of a table, named so that an unreadable column can be found.
pub(crate) struct Columns<'r> {
    pub(crate) table: &'static str,
    pub(crate) row: &'r SqliteRow,
}

impl<'r> Columns<'r> {
    pub(crate) fn new(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { table, row }
    }

    pub(crate) fn unreadable(&self, column: &str, why: impl Into<String>) -> DirectoryError {
        DirectoryError::Unreadable { what: format!("\"{}.{column}\"", self.table), why: why.into() }
    }

    pub(crate) fn get<T>(&self, column: &str) -> Result<T, DirectoryError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.row.try_get(column).map_err(|error| self.unreadable(column, error.to_string()))
    }

    /// A column that is there whenever the row's kind asks for it.
    pub(crate) fn need<T>(&self, column: &str) -> Result<T, DirectoryError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
        Option<T>: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.get::<Option<T>>(column)?.ok_or_else(|| self.unreadable(column, "it is empty"))
    }

    pub(crate) fn parse<T>(&self, column: &str) -> Result<T, DirectoryError>
    where
        T: FromStr,
        T::Err: ToString,
    {
        self.need::<&str>(column)?.parse().map_err(|error: T::Err| self.unreadable(column, error.to_string()))
    }

    pub(crate) fn sixteen(&self, column: &str) -> Result<[u8; 16], DirectoryError> {
        self.bytes(column)
    }

    pub(crate) fn bytes<const N: usize>(&self, column: &str) -> Result<[u8; N], DirectoryError> {
        let bytes: &[u8] = self.need(column)?;
        bytes
            .try_into()
            .map_err(|_| self.unreadable(column, format!("it has {} bytes, not {N}", bytes.len())))
    }

    pub(crate) fn user(&self, column: &str) -> Result<UserId, DirectoryError> {
        self.sixteen(column).map(UserId::from_bytes)
    }

    pub(crate) fn device(&self, column: &str) -> Result<DeviceId, DirectoryError> {
        self.sixteen(column).map(DeviceId::from_bytes)
    }

    pub(crate) fn time(&self, column: &str) -> Result<UnixMillis, DirectoryError> {
        self.need(column).map(UnixMillis)
    }

    pub(crate) fn maybe_time(&self, column: &str) -> Result<Option<UnixMillis>, DirectoryError> {
        Ok(self.get::<Option<i64>>(column)?.map(UnixMillis))
    }

    pub(crate) fn span(&self, column: &str) -> Result<Duration, DirectoryError> {
        let millis: i64 = self.need(column)?;
        u64::try_from(millis)
            .map(Duration::from_millis)
            .map_err(|_| self.unreadable(column, "it is negative"))
    }

    pub(crate) fn number(&self, column: &str) -> Result<u64, DirectoryError> {
        let number: i64 = self.need(column)?;
        u64::try_from(number).map_err(|_| self.unreadable(column, "it is negative"))
    }
}

pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
