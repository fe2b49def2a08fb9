//! By what a copy of an earlier time is told: the store's revision, which the relay keeps the highest of; and how a
//! profile that is such a copy begins anew as another device.
//!
//! Message keys are used once. A store that comes back from a copy would use some a second time, so the relay takes a
//! sign-in only with a higher revision than it has seen, and this store refuses itself from then on.

use wickr_base::Secret;
use wickr_wire::ProblemCode;

use super::{Account, Membership, Room, Session, Store, StoreError, UnsentState};

impl Store {
    /// How far the store has come; 0 before its first sign-in.
    pub(crate) fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.setting("revision")?.unwrap_or(0))
    }

    /// Durably before a sign-in, and with everything that is taken in, in its transaction. Gives the new one.
    pub(crate) fn raise_revision(&self) -> Result<u64, StoreError> {
        self.write(|| {
            let raised = self.revision()?.saturating_add(1);
            self.put_setting("revision", &raised)?;
            Ok(raised)
        })
    }

    /// The relay has answered without noting it. Without this a copy would climb past the device that it is a copy of,
    /// one refused try at a time.
    pub(crate) fn take_revision_back(&self, raised: u64) -> Result<(), StoreError> {
        self.write(|| {
            if self.revision()? == raised {
                self.put_setting("revision", &raised.saturating_sub(1))?;
            }
            Ok(())
        })
    }

    /// Why the store may not be used for the device any more, if so.
    pub(crate) fn old(&self) -> Result<Option<String>, StoreError> {
        self.setting("old")
    }

    /// The relay has seen the device further than this. Nothing is sealed here ever again; what waits is not sent.
    pub(crate) fn mark_old(&self, why: &str) -> Result<(), StoreError> {
        self.write(|| {
            self.put_setting("old", &why)?;
            for unsent in self.unsent()? {
                if unsent.control {
                    self.remove_unsent(unsent.id)?;
                } else if unsent.state == UnsentState::Waiting {
                    self.refuse_unsent(&unsent, ProblemCode::OldStore, why)?;
                }
            }
            Ok(())
        })
    }

    /// The profile is another device from here on: its history stays, keys and rooms of the old one go.
    pub(crate) fn begin_anew(
        &self,
        device_key: &Secret<Vec<u8>>,
        account: &Account,
        session: &Session,
    ) -> Result<(), StoreError> {
        self.write(|| {
            self.with("forgetting the old device", |c| {
                c.execute_batch(
                    "DELETE FROM mls; DELETE FROM own_commit;
                     DELETE FROM setting WHERE name IN ('revision', 'old', 'relay place');",
                )
            })?;
            for held in self.rooms()? {
                let mut room = Room::new(held.id, held.generation, held.incarnation, held.cursor);
                (room.name, room.membership) = (held.name, Membership::Gone);
                self.save_room(&room)?;
            }
            self.save_device_key(device_key)?;
            self.save_account(account)?;
            self.save_session(session)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Message, Unsent};
    use super::*;
    use std::sync::Arc;
    use wickr_base::{
        DeviceId, Generation, Incarnation, MessageId, RoomId, SeededRng, Seq, UnixMillis, UserId,
    };
    use wickr_e2ee::{Record, Store as _};

    fn store() -> Store {
        Store::in_memory(&Secret::new([1; 32]), Arc::new(SeededRng::new(1))).unwrap()
    }

    fn account(rng: &SeededRng) -> Account {
        Account {
            domain: "hq.example".parse().unwrap(),
            user: UserId::random(rng),
            device: DeviceId::random(rng),
            handle: "alice@hq.example".parse().unwrap(),
            certificate: vec![1],
        }
    }

    #[test]
    fn a_refused_try_takes_the_revision_no_further() {
        let store = store();
        assert_eq!(store.raise_revision().unwrap(), 1);
        let tried = store.raise_revision().unwrap();
        store.take_revision_back(tried).unwrap();
        assert_eq!(store.revision().unwrap(), 1);
        let (tried, further) = (store.raise_revision().unwrap(), store.raise_revision().unwrap());
        store.take_revision_back(tried).unwrap();
        assert_eq!(store.revision().unwrap(), further, "what has come meanwhile stays");
    }

    #[test]
    fn what_is_taken_in_and_rolled_back_leaves_the_revision_where_it_was() {
        let store = store();
        let outcome: Result<(), StoreError> = store.write(|| {
            store.raise_revision()?;
            Err(StoreError::Key)
        });
        assert!(outcome.is_err());
        assert_eq!(store.revision().unwrap(), 0);
    }

    #[test]
    fn an_old_store_keeps_its_history_and_nothing_that_could_be_sent_with() {
        let rng = SeededRng::new(2);
        let mut store = store();
        let (before, after) = (account(&rng), account(&rng));
        let id = RoomId::random(before.domain.clone(), &rng);
        let room = Room::new(id.clone(), Generation(0), Incarnation::random(&rng), Seq(3));
        store.save_room(&room).unwrap();
        store.save(&Record::State(&room.group()), b"a ratchet").unwrap();
        store.raise_revision().unwrap();
        let message = Message {
            place: 0,
            room: id.clone(),
            seq: Seq(2),
            time: UnixMillis(5),
            id: MessageId::random(&rng),
            sender: before.uri(),
            mine: true,
            expires: UnixMillis(0),
            text: "history".to_owned(),
        };
        assert!(store.save_message(&message, None).unwrap());
        let (text, name) = (MessageId::random(&rng), MessageId::random(&rng));
        for (unsent, control) in [(text, false), (name, true)] {
            let unsent = Unsent::new(id.clone(), unsent, UnixMillis(0), b"x".to_vec(), control);
            store.add_unsent(&unsent).unwrap();
        }

        store.mark_old("a copy").unwrap();
        assert_eq!(store.old().unwrap().as_deref(), Some("a copy"));
        let refused = UnsentState::Refused { code: "old-store".to_owned(), detail: "a copy".to_owned() };
        let unsent = store.unsent().unwrap();
        assert_eq!(unsent.iter().map(|one| (one.id, &one.state)).collect::<Vec<_>>(), [(text, &refused)]);

        let session = Session { token: "new".to_owned(), expires: UnixMillis(9) };
        store.begin_anew(&Secret::new(b"new key".to_vec()), &after, &session).unwrap();
        assert_eq!(store.account().unwrap(), Some(after));
        assert_eq!(store.device_key().unwrap().unwrap().expose(), b"new key");
        assert_eq!((store.old().unwrap(), store.revision().unwrap()), (None, 0));
        assert!(store.load(&Record::State(&room.group())).unwrap().is_none());
        assert_eq!(store.room(&id).unwrap().unwrap().membership, Membership::Gone);
        assert_eq!(store.last_messages(None, 10).unwrap()[0].text, "history");
    }
}
