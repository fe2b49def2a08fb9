//! The MLS engine's records, in the same transactions as everything else (what they hold: `wickr_e2ee::Record`).

use rusqlite::{OptionalExtension, params};
use wickr_base::{GroupId, Secret};
use wickr_e2ee::Record;

use super::{Store, StoreError};

impl wickr_e2ee::Store for Store {
    type Error = StoreError;

    fn load(&self, record: &Record<'_>) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        let key = record.to_string();
        let sealed: Option<Vec<u8>> = self.with("reading MLS state", |c| {
            c.prepare_cached("SELECT value FROM mls WHERE key = ?1")?
                .query_row([&key], |row| row.get(0))
                .optional()
        })?;
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.unseal_bytes("mls", key.as_bytes(), &sealed)?;
        Ok(Some(Secret::new(opened.to_vec())))
    }

    fn save(&mut self, record: &Record<'_>, value: &[u8]) -> Result<(), StoreError> {
        let key = record.to_string();
        let sealed = self.seal_bytes("mls", key.as_bytes(), value)?;
        self.with("writing MLS state", |c| {
            c.prepare_cached("INSERT OR REPLACE INTO mls (key, value) VALUES (?1, ?2)")?
                .execute(params![key, sealed])
        })?;
        Ok(())
    }

    fn delete(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        self.with("deleting MLS state", |c| {
            c.prepare_cached("DELETE FROM mls WHERE key = ?1")?.execute([record.to_string()])
        })?;
        Ok(())
    }
}

impl Store {
    /// Deletes all that is kept of a group, also when it can't be opened any more.
    pub(crate) fn forget_group(&self, group: &GroupId) -> Result<(), StoreError> {
        let epochs = format!("epoch/{group}/*");
        self.with("forgetting a group", |c| {
            c.prepare_cached("DELETE FROM mls WHERE key = ?1 OR key = ?2 OR key GLOB ?3")?.execute(params![
                Record::State(group).to_string(),
                Record::Tree(group).to_string(),
                epochs
            ])
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use wickr_base::{Generation, RoomId, SeededRng};
    use wickr_e2ee::Store as _;

    #[test]
    fn forgetting_a_group_leaves_other_groups_alone() {
        let rng = Arc::new(SeededRng::new(1));
        let mut store = Store::in_memory(&Secret::new([1; 32]), rng.clone()).unwrap();
        let room = RoomId::random("hq.example".parse().unwrap(), &*rng);
        let (gone, stays) = (room.group(Generation(1)), room.group(Generation(10)));
        for group in [&gone, &stays] {
            for record in [Record::State(group), Record::Tree(group), Record::Epoch(group, 3)] {
                store.save(&record, b"secret").unwrap();
            }
        }
        store.forget_group(&gone).unwrap();
        for (group, kept) in [(&gone, false), (&stays, true)] {
            for record in [Record::State(group), Record::Tree(group), Record::Epoch(group, 3)] {
                assert_eq!(store.load(&record).unwrap().is_some(), kept, "{record}");
            }
        }
    }
}
