//! What the store leaves on disk: no plaintext, and after a failure nothing of a half-done step.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use wickr_base::{
    DeviceId, Generation, Incarnation, MemberUri, MessageId, RoomId, Secret, SeededRng, Seq, UnixMillis,
    UserId,
};
use wickr_sdk::store::{Message, Notice, OwnCopy, Room, Store, StoreError, Unsent};

fn files_hold(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

fn open(folder: &Path) -> Store {
    Store::open(&folder.join("store.sqlite3"), &Secret::new([4; 32]), Arc::new(SeededRng::new(9))).unwrap()
}

fn fill(store: &Store, text: &str) -> Result<(), StoreError> {
    let rng = SeededRng::new(1);
    let room = RoomId::random("hq.example".parse().unwrap(), &rng);
    let sender = MemberUri::Device {
        domain: "hq.example".parse().unwrap(),
        user: UserId::random(&rng),
        device: DeviceId::random(&rng),
    };
    let mut record = Room::new(room.clone(), Generation(0), Incarnation::random(&rng), Seq(1));
    record.name = Some(text.to_owned());
    store.save_room(&record)?;
    let id = MessageId::random(&rng);
    store.save_message(
        &Message {
            place: 0,
            room: room.clone(),
            seq: Seq(2),
            time: UnixMillis(1),
            id,
            sender,
            mine: true,
            expires: UnixMillis(0),
            text: text.to_owned(),
        },
        Some(&OwnCopy { content: text.as_bytes().to_vec(), audience: 0 }),
    )?;
    store.add_unsent(&Unsent::new(room, id, UnixMillis(0), text.as_bytes().to_vec(), false))?;
    store.add_notice(&Notice { at: UnixMillis(1), room: None, seq: None, text: text.to_owned() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_text_stands_on_disk_and_the_search_would_find_it(text in "[a-zA-Z0-9 ]{8,200}") {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.write(|| fill(&store, &text)).unwrap();
        // Both the write-ahead log and, after it is folded in, the database itself.
        prop_assert!(!files_hold(folder.path(), &text));
        drop(store);
        prop_assert!(!files_hold(folder.path(), &text));
        let message = open(folder.path()).last_messages(None, 1).unwrap().remove(0);
        prop_assert_eq!(&message.text, &text);

        // The positive control: the same text unsealed, in the same kind of file.
        let control = tempfile::tempdir().unwrap();
        let plain = rusqlite::Connection::open(control.path().join("store.sqlite3")).unwrap();
        plain.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE message (value BLOB)").unwrap();
        plain.execute("INSERT INTO message VALUES (?1)", [message.text.as_bytes()]).unwrap();
        prop_assert!(files_hold(control.path(), &text));
    }
}

#[test]
fn a_step_that_fails_leaves_neither_message_nor_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let failed: Result<(), StoreError> = store.write(|| {
        fill(&store, "half done")?;
        Err(StoreError::Key)
    });
    assert!(failed.is_err());
    drop(store);
    let store = open(folder.path());
    assert!(store.rooms().unwrap().is_empty());
    assert!(store.last_messages(None, 10).unwrap().is_empty());
    assert!(store.unsent().unwrap().is_empty());
}

#[test]
fn a_write_that_the_database_refuses_takes_the_whole_step_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    // The last write of the step (the notice) fails inside SQLite.
    let saboteur = rusqlite::Connection::open(folder.path().join("store.sqlite3")).unwrap();
    saboteur
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON notice BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        )
        .unwrap();
    assert!(matches!(store.write(|| fill(&store, "x")), Err(StoreError::Sql { .. })));
    assert!(store.rooms().unwrap().is_empty() && store.unsent().unwrap().is_empty());
    saboteur.execute_batch("DROP TRIGGER refuse").unwrap();
    store.write(|| fill(&store, "x")).unwrap();
    assert_eq!(store.rooms().unwrap().len(), 1);
}

#[test]
fn a_message_of_the_same_sender_and_id_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    fill(&store, "once").unwrap();
    let message = store.last_messages(None, 1).unwrap().remove(0);
    assert!(!store.save_message(&message, None).unwrap());
    let mut other = message.clone();
    other.sender = "wickr://hq.example/s/other/0".parse().unwrap();
    assert!(
        store.save_message(&other, None).unwrap(),
        "nobody suppresses another's message by taking its id"
    );
}

#[test]
fn expired_messages_leave_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    fill(&store, "stays").unwrap();
    let mut message = store.last_messages(None, 1).unwrap().remove(0);
    message.id = MessageId([8; 16]);
    message.expires = UnixMillis(1_000);
    message.text = "goes".to_owned();
    store.save_message(&message, None).unwrap();
    assert_eq!(store.purge_expired(UnixMillis(999)).unwrap(), 0);
    assert_eq!(store.purge_expired(UnixMillis(1_000)).unwrap(), 1);
    assert_eq!(store.last_messages(None, 9).unwrap().len(), 1);
}
