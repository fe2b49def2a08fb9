//! The real sso in this process and a real Keycloak: started again, with other keys, and with another time. Nothing of
//! ours is started again, and who is signed in stays so.

mod provider;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keycloak_may_restart_change_its_keys_and_lose_its_time() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    provider::play().await.unwrap();
}
