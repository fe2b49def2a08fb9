//! A device whose store is a copy of an earlier time does not get in: its message keys have been used.

use wickr_pki::SigningKey;
use wickr_service::testing::TestDevice;
use wickr_wire::relay::client_frame;

use crate::device::Device;
use crate::running::Running;

/// The same device from its store as it is at this moment.
fn copy_of(device: &Device, relay: &Running) -> Device {
    let TestDevice { uri, user, device: id, key, certificate } = &device.identity;
    let key = SigningKey::from_pkcs8(key.to_pkcs8().unwrap().expose()).unwrap();
    let (user, id) = (*user, *id);
    let identity = TestDevice { uri: uri.clone(), user, device: id, key, certificate: certificate.clone() };
    let mut copy = Device::new(&relay.world, identity);
    copy.session.clone_from(&device.session);
    copy.revision = device.revision;
    copy
}

#[tokio::test]
async fn a_copy_from_before_is_refused_whatever_it_tries_and_the_device_goes_on() {
    let relay = Running::new().await;
    let (mut alice, mut bob) = (relay.person().await, relay.person().await);
    let room = relay.room(&mut [&mut alice, &mut bob]).await;
    let mut copy = copy_of(&alice, &relay);
    alice.send(&room, "sealed since").await.unwrap();
    alice.take_in_until(&room, 3).await;
    alice.acknowledge().await;

    copy.dial(&relay).await;
    let refusal = copy.authenticate(&relay.world).await.unwrap_err();
    assert_eq!(refusal.code, "old-store");
    for part in ["copy of an earlier time", "sign in as a new device", "revoke"] {
        assert!(refusal.detail.contains(part), "{}", refusal.detail);
    }
    alice.send(&room, "not disturbed").await.unwrap();

    let relay = relay.restart().await;
    copy.revision -= 1;
    copy.dial(&relay).await;
    assert_eq!(copy.authenticate(&relay.world).await.unwrap_err().code, "old-store", "known durably");
    alice.come_online(&relay).await;
    alice.send(&room, "goes on").await.unwrap();
    relay.stop().await;
}

#[tokio::test]
async fn of_two_that_are_equal_the_first_to_sign_in_goes_on_and_the_other_never() {
    let relay = Running::new().await;
    let mut alice = relay.person().await;
    let mut copy = copy_of(&alice, &relay);
    copy.come_online(&relay).await;
    assert_eq!(alice.goodbye().await, "already-exists");
    alice.dial(&relay).await;
    assert_eq!(alice.authenticate(&relay.world).await.unwrap_err().code, "old-store");
    copy.create_room_without_state().await;
    relay.stop().await;
}

#[tokio::test]
async fn a_sign_in_whose_answer_was_lost_is_made_again_with_a_higher_revision() {
    let relay = Running::new().await;
    let mut alice = Device::new(&relay.world, relay.world.network.device());
    alice.dial(&relay).await;
    let proof = alice.proof(relay.world.token(&alice.identity, &alice.session));
    alice.ask_later(client_frame::Body::Authenticate(proof)).await;
    alice.go_offline();
    alice.revision += 5;
    alice.come_online(&relay).await;
    relay.stop().await;
}

#[tokio::test]
async fn who_does_not_say_how_far_its_store_is_does_not_get_in() {
    let relay = Running::new().await;
    let mut alice = Device::new(&relay.world, relay.world.network.device());
    alice.dial(&relay).await;
    alice.revision = 0;
    assert_eq!(alice.authenticate(&relay.world).await.unwrap_err().code, "malformed");
    relay.stop().await;
}
