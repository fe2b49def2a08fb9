//! The table `users`.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use wickr_base::{Handle, UserId};
use wickr_model::{Subject, User};
use wickr_store::directory::{DirectoryError, Users};

use crate::row::{Columns, engine};
use crate::transaction::Table;

fn read(row: &SqliteRow) -> Result<User, DirectoryError> {
    let columns = Columns::new("users", row);
    Ok(User {
        id: columns.user("id")?,
        subject: Subject { issuer: columns.need("issuer")?, subject: columns.need("subject")? },
        handle: columns.parse("handle")?,
        created_at: columns.time("created_at")?,
    })
}

#[async_trait]
impl Users for Table<'_> {
    async fn lookup(&mut self, id: UserId) -> Result<Option<User>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM users WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| format!("looking up user \"{id}\"")))?;
        row.as_ref().map(read).transpose()
    }

    async fn lookup_subject(&mut self, subject: &Subject) -> Result<Option<User>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM users WHERE issuer = ? AND subject = ?")
            .bind(&subject.issuer)
            .bind(&subject.subject)
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| "looking up a subject".to_owned()))?;
        row.as_ref().map(read).transpose()
    }

    async fn lookup_handle(&mut self, handle: &Handle) -> Result<Option<User>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM users WHERE handle = ?")
            .bind(handle.to_string())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| "looking up a handle".to_owned()))?;
        row.as_ref().map(read).transpose()
    }

    async fn add(&mut self, user: &User) -> Result<(), DirectoryError> {
        sqlx::query("INSERT INTO users (id, issuer, subject, handle, created_at) VALUES (?, ?, ?, ?, ?)")
            .bind(user.id.as_bytes().as_slice())
            .bind(&user.subject.issuer)
            .bind(&user.subject.subject)
            .bind(user.handle.to_string())
            .bind(user.created_at.0)
            .execute(&mut *self.connection)
            .await
            .map_err(engine(|| format!("adding user \"{}\"", user.id)))?;
        Ok(())
    }

    async fn save(&mut self, user: &User) -> Result<(), DirectoryError> {
        sqlx::query("UPDATE users SET handle = ? WHERE id = ?")
            .bind(user.handle.to_string())
            .bind(user.id.as_bytes().as_slice())
            .execute(&mut *self.connection)
            .await
            .map_err(engine(|| format!("saving user \"{}\"", user.id)))?;
        Ok(())
    }

    async fn count(&mut self) -> Result<u64, DirectoryError> {
        Table::count(self, "SELECT count(*) FROM users").await
    }
}
