//! Whom a client believes: the pin, then the document that the pin proves, and nobody else.

use wickr_in_process::{World, until};
use wickr_policy::{JoinUrl, RootPin};
use wickr_sdk::profile::{Profile, UnlockWith};
use wickr_sdk::{Connection, Environment, Error, NetworkError, SignIn, Way, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_another_pin_leads_nowhere_and_nothing_is_sent() {
    let world = World::start().await;
    let right = world.join();
    let wrong: JoinUrl =
        right.to_string().replace(&right.root().to_string(), &RootPin([7; 32]).to_string()).parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile::at(folder.path().join("profile"));
    let asked = SignIn { join: wrong, way: Way::Code, unlock: UnlockWith::Nothing };
    let mut asked_to_sign_in = false;
    let outcome =
        sign_in(profile.own().unwrap(), asked, Environment::system(), |_| asked_to_sign_in = true).await;
    assert!(matches!(outcome, Err(Error::Network(NetworkError::Trust { .. }))), "{outcome:?}");
    assert!(!asked_to_sign_in);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_takes_no_address_with_another_root() {
    let world = World::start().await;
    let mut alice = world.sign_in("alice", "1").await;
    alice.close().await;
    let (right, other) = (world.join(), RootPin([7; 32]));
    let wrong: JoinUrl =
        right.to_string().replace(&right.root().to_string(), &other.to_string()).parse().unwrap();
    let owned = Profile::at(alice.folder()).own().unwrap();
    let asked = SignIn { join: wrong, way: Way::Code, unlock: UnlockWith::Nothing };
    let refused =
        sign_in(owned, asked, Environment::system(), |_| panic!("asked to sign in")).await.unwrap_err();
    assert!(
        matches!(&refused, Error::OtherRoot { held, given } if *held == [right.root()] && *given == other)
    );
    let text = refused.to_string();
    assert!(
        text.contains(&right.root().to_string())
            && text.contains(&other.to_string())
            && text.contains("new profile")
    );
    alice.open().await;
    alice.online().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_document_reaches_a_connected_client_and_an_older_one_never_replaces_it() {
    let mut world = World::start().await;
    let mut alice = world.sign_in("alice", "1").await;
    assert_eq!(alice.client().status().unwrap().document, 1);
    world.publish(4).await;
    until(alice.client(), "the newer document", |client| client.status().unwrap().document == 4).await;
    // The boot copy of number 1 after the loss of what was pushed.
    alice.close().await;
    world.stop_relay().await;
    std::fs::remove_dir_all(world.relay_data()).unwrap();
    world.start_relay().await;
    alice.open().await;
    alice.online().await;
    assert_eq!(alice.client().status().unwrap().document, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_at_the_same_address_gets_no_word_out_of_a_client() {
    let mut world = World::start().await;
    let alice = world.sign_in("alice", "1").await;
    let room = alice.client().create_room("ops").await.unwrap();
    world.stop_relay().await;
    world.start_impostor().await;
    let id = alice.says(&room, "not for them");
    until(alice.client(), "the refusal of the impostor", |client| match client.connection() {
        Connection::Offline { why } => why.contains("TLS") || why.contains("certificate"),
        _ => false,
    })
    .await;
    let unsent = alice.client().status().unwrap().unsent;
    assert!(unsent.iter().any(|unsent| unsent.id == id));
}
