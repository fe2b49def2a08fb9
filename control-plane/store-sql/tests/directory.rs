//! The conformance suite on SQLite, and what only a file can show: migrations, reopening, copies.

#![expect(clippy::unwrap_used, reason = "a test that can't set itself up can only stop")]

use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use wickr_base::{SeededRng, UnixMillis, UserId};
use wickr_model::{Subject, User};
use wickr_store::directory::Directory;
use wickr_store_sql::{DATABASE, LockError, OpenError, SqliteDirectory, backup, restore};

async fn empty() -> (SqliteDirectory, TempDir) {
    let data = tempfile::tempdir().unwrap();
    (open(data.path(), 1).await, data)
}

async fn open(data: &Path, seed: u64) -> SqliteDirectory {
    SqliteDirectory::open(data, &SeededRng::new(seed)).await.unwrap()
}

wickr_store::directory_conformance!(empty);

fn user(name: &str) -> User {
    User {
        id: UserId::random(&SeededRng::new(u64::from(name.as_bytes()[0]))),
        subject: Subject { issuer: "https://idp.example".to_owned(), subject: name.to_owned() },
        handle: format!("{name}@hq.example").parse().unwrap(),
        created_at: UnixMillis(1),
    }
}

async fn add(directory: &SqliteDirectory, name: &str) {
    let mut work = directory.begin().await.unwrap();
    work.users().add(&user(name)).await.unwrap();
    work.commit().await.unwrap();
}

async fn count(directory: &SqliteDirectory) -> u64 {
    directory.read().await.unwrap().users().count().await.unwrap()
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening_under_the_same_incarnation() {
    let (directory, data) = empty().await;
    add(&directory, "alice").await;
    let before = directory.incarnation();
    directory.close().await;
    drop(directory);
    let directory = open(data.path(), 2).await;
    assert_eq!((count(&directory).await, directory.incarnation()), (1, before));
}

#[tokio::test]
async fn an_open_store_is_refused_to_a_second_process() {
    let (_directory, data) = empty().await;
    let refused = SqliteDirectory::open(data.path(), &SeededRng::new(2)).await;
    assert!(matches!(refused, Err(OpenError::Lock(LockError::Held(_)))), "{refused:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let (directory, data) = empty().await;
    directory.close().await;
    drop(directory);
    let options = SqliteConnectOptions::new().filename(data.path().join(DATABASE));
    let mut connection = options.connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let refused = SqliteDirectory::open(data.path(), &SeededRng::new(2)).await;
    assert!(matches!(refused, Err(OpenError::Migrate { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_copy_made_in_use_restores_as_a_new_incarnation() {
    let (directory, data) = empty().await;
    add(&directory, "alice").await;
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy.sqlite");
    // One transaction is open meanwhile: it is not in the copy, and does not stop it.
    let mut work = directory.begin().await.unwrap();
    work.users().add(&user("bobby")).await.unwrap();
    backup(data.path(), &copy).await.unwrap();
    work.commit().await.unwrap();

    let other = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(&copy).unwrap();
    let done = restore(&copy, other.path(), &SeededRng::new(5)).await.unwrap();
    assert!(done.in_place);
    assert_eq!(std::fs::read(&copy).unwrap(), bytes, "the copy can be used again");
    let restored = open(other.path(), 6).await;
    assert_eq!((count(&restored).await, restored.incarnation()), (1, done.incarnation));
    assert_ne!(restored.incarnation(), directory.incarnation());
}

#[tokio::test]
async fn a_second_copy_replaces_the_first_when_it_is_whole() {
    let (directory, data) = empty().await;
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy.sqlite");
    backup(data.path(), &copy).await.unwrap();
    add(&directory, "alice").await;
    std::fs::write(copies.path().join("copy.partial"), "of one that was cut off").unwrap();
    backup(data.path(), &copy).await.unwrap();
    assert_eq!(std::fs::read_dir(copies.path()).unwrap().count(), 1);
    restore(&copy, copies.path(), &SeededRng::new(5)).await.unwrap();
    assert_eq!(count(&open(copies.path(), 6).await).await, 1);
}

#[tokio::test]
async fn a_restore_beside_an_open_store_takes_effect_at_the_next_opening_and_keeps_the_old_one() {
    let (directory, data) = empty().await;
    add(&directory, "alice").await;
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy.sqlite");
    backup(data.path(), &copy).await.unwrap();
    let done = restore(&copy, data.path(), &SeededRng::new(5)).await.unwrap();
    assert!(!done.in_place);
    add(&directory, "bobby").await;
    assert_eq!(count(&directory).await, 2, "the open store goes on");
    // Dropped without closing: its log stays beside it, as after a kill.
    drop(directory);
    let directory = open(data.path(), 6).await;
    assert_eq!((count(&directory).await, directory.incarnation()), (1, done.incarnation));
    let old = data.path().join("directory.replaced");
    assert_eq!(count(&open(&old, 7).await).await, 2, "nothing of the old one is lost");
}

#[tokio::test]
async fn the_open_directory_writes_the_same_copy_itself() {
    let (directory, _data) = empty().await;
    add(&directory, "alice").await;
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("copy.sqlite");
    directory.backup(&copy).await.unwrap();
    restore(&copy, copies.path(), &SeededRng::new(5)).await.unwrap();
    assert_eq!(count(&open(copies.path(), 6).await).await, 1);
}

#[tokio::test]
async fn a_damaged_copy_and_a_missing_one_are_refused_and_leave_no_store() {
    let (directory, data) = empty().await;
    let copy = data.path().join("copy.sqlite");
    directory.backup(&copy).await.unwrap();
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2_048].fill(0xa5);
    std::fs::write(&copy, bytes).unwrap();
    let other = tempfile::tempdir().unwrap();
    assert!(restore(&copy, other.path(), &SeededRng::new(5)).await.is_err());
    assert!(restore(&data.path().join("none"), other.path(), &SeededRng::new(5)).await.is_err());
    assert!(!other.path().join(DATABASE).exists());
}
