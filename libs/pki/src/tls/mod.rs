//! rustls configurations of services and clients: AWS-LC by name, never the process-wide default; time from a
//! Clock; ALPN always.

mod config;
mod identity;
mod verifier;

pub use config::{ALPN_H2, ALPN_HTTP1, ServerTrust, client_config, provider, server_config};
pub use identity::{Identity, peer_workload};
pub use verifier::WorkloadTrust;
