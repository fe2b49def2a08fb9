//! The one way out to an identity provider: https only, no redirects, no link-local addresses, little data,
//! little time, few requests at once. Whom it trusts: `trust`; what of an answer is read: `answer`; what is asked
//! through it: `discovery`, `code`, `device_grant`.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, HeaderValue, USER_AGENT};
use http::uri::Authority;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::answer::{Unfit, judge_body, judge_head};

/// How much a provider may take of us.
#[derive(Clone, Copy, Debug)]
pub struct DoorLimits {
    /// For a whole request: name, connection, TLS, answer.
    pub time: Duration,
    /// For the body of an answer, in bytes.
    pub body: usize,
    /// Requests at a time; with `body` the bound of what all answers together take of memory. More of them wait, and
    /// the wait counts as the provider's time.
    pub requests: usize,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), body: 256 * 1024, requests: 64 }
    }
}

/// Why a request to a provider came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoorError {
    /// Not an https address.
    #[error("\"{0}\" is not an https address")]
    NotHttps(String),
    /// The name has no address.
    #[error("looking up \"{host}\": {source}")]
    Resolve {
        /// The host.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// An address that no provider has.
    #[error("\"{host}\" is at \"{address}\", which is link-local or no host's; requests there are refused")]
    Address {
        /// The host.
        host: String,
        /// Where it is said to be.
        address: IpAddr,
    },
    /// Nobody answers there.
    #[error("connecting to \"{host}\": {source}")]
    Connect {
        /// The host and port.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate doesn't hold, or TLS fails otherwise.
    #[error("TLS with \"{host}\": {why}")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// HTTP failed.
    #[error("asking \"{host}\": {source}")]
    Http {
        /// The host.
        host: String,
        /// Why.
        source: hyper::Error,
    },
    /// The answer is too large.
    #[error("the answer of \"{host}\" is larger than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The answer broke off.
    #[error("the answer of \"{host}\" broke off: {why}")]
    BrokeOff {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// The answer came and isn't read.
    #[error("asking \"{host}\": {why}")]
    Unfit {
        /// The host.
        host: String,
        /// Why.
        why: Unfit,
    },
    /// It took too long.
    #[error("\"{host}\" did not answer within {limit:?}")]
    TooSlow {
        /// The host.
        host: String,
        /// The limit.
        limit: Duration,
    },
}

impl DoorError {
    /// Whether the provider did what it was asked, and only its answer can't be read: that doesn't come again.
    pub(crate) fn spends(&self) -> bool {
        match self {
            Self::TooLarge { .. } => true,
            Self::Unfit { why, .. } => why.spends(),
            _ => false,
        }
    }
}

/// The certificates that the provider showed, its own first; an extension of each response.
#[derive(Clone, Debug)]
pub(crate) struct PeerChain(pub(crate) Vec<CertificateDer<'static>>);

/// One provider's way out, with its trust and the limits.
#[derive(Clone)]
pub(crate) struct Door {
    tls: TlsConnector,
    limits: DoorLimits,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Door {
    pub(crate) fn new(tls: Arc<rustls::ClientConfig>, limits: DoorLimits) -> Self {
        let places = Arc::new(Semaphore::new(limits.requests));
        Self { tls: TlsConnector::from(tls), limits, places }
    }

    /// Asks for JSON.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, DoorError> {
        self.ask(request, true).await
    }

    async fn ask(&self, request: HttpRequest, reads: bool) -> Result<HttpResponse, DoorError> {
        let target = Target::of(request.uri())?;
        match tokio::time::timeout(self.limits.time, self.attempt(&target, request, reads)).await {
            Ok(answer) => answer,
            Err(_) => Err(DoorError::TooSlow { host: target.host, limit: self.limits.time }),
        }
    }

    async fn attempt(
        &self,
        target: &Target,
        request: HttpRequest,
        reads: bool,
    ) -> Result<HttpResponse, DoorError> {
        let host = || target.host.clone();
        // It is never closed; without a place the answer would only be unbounded.
        let _place = self.places.acquire().await.ok();
        let stream = self.connect(target).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = PeerChain(chain.iter().map(|der| der.clone().into_owned()).collect());
        let http = |source| DoorError::Http { host: host(), source };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(64 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(http)?;
        let _connection = AbortOnDrop(tokio::spawn(connection));
        let answer = sender.send_request(target.prepare(request)).await.map_err(http)?;
        let (mut head, body) = answer.into_parts();
        head.extensions.insert(chain);
        let unfit = |why| DoorError::Unfit { host: host(), why };
        if reads {
            judge_head(head.status, &head.headers).map_err(unfit)?;
        }
        // One that says so itself needn't be read for it.
        if body.size_hint().lower() > self.limits.body as u64 {
            return Err(DoorError::TooLarge { host: host(), limit: self.limits.body });
        }
        let body = Limited::new(body, self.limits.body).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                DoorError::TooLarge { host: host(), limit: self.limits.body }
            } else {
                DoorError::BrokeOff { host: host(), why: error.to_string() }
            }
        })?;
        let body = body.to_bytes().to_vec();
        if reads && head.status.is_success() {
            judge_body(&body).map_err(unfit)?;
        }
        Ok(http::Response::from_parts(head, body))
    }

    async fn connect(&self, target: &Target) -> Result<TlsStream<TcpStream>, DoorError> {
        let tcp = TcpStream::connect(target.resolve().await?.as_slice()).await;
        let tcp = tcp.map_err(|source| DoorError::Connect { host: target.authority.clone(), source })?;
        let tls = |why: String| DoorError::Tls { host: target.host.clone(), why };
        let name = ServerName::try_from(target.host.clone()).map_err(|error| tls(error.to_string()))?;
        self.tls.connect(name, tcp).await.map_err(|error| tls(error.to_string()))
    }
}

impl<'c> AsyncHttpClient<'c> for Door {
    type Error = DoorError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, DoorError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// The same way out for requests of which only the status counts.
pub(crate) struct Telling<'d>(pub(crate) &'d Door);

impl<'c> AsyncHttpClient<'c> for Telling<'_> {
    type Error = DoorError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, DoorError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.0.ask(request, false))
    }
}

/// Where a request goes.
struct Target {
    host: String,
    port: u16,
    authority: String,
}

impl Target {
    fn of(uri: &http::Uri) -> Result<Self, DoorError> {
        let refuse = || DoorError::NotHttps(uri.to_string());
        let authority: &Authority = uri.authority().ok_or_else(refuse)?;
        if uri.scheme_str() != Some("https") || authority.as_str().contains('@') {
            return Err(refuse());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: authority.port_u16().unwrap_or(443), authority: authority.to_string() })
    }

    /// All addresses of the host; refused as soon as one is refused, so that no name mixes them.
    async fn resolve(&self) -> Result<Vec<SocketAddr>, DoorError> {
        let failed = |source| DoorError::Resolve { host: self.host.clone(), source };
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(failed)?;
        let addresses: Vec<_> = found.collect();
        match addresses.iter().find(|address| refused(address.ip())) {
            Some(address) => Err(DoorError::Address { host: self.host.clone(), address: address.ip() }),
            None => Ok(addresses),
        }
    }

    /// The request as it goes over a connection to this host (RFC 9112 section 3.2.1).
    fn prepare(&self, request: HttpRequest) -> http::Request<Full<Bytes>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = path.parse().unwrap_or_default();
        if let Ok(authority) = HeaderValue::from_str(&self.authority) {
            head.headers.insert(HOST, authority);
        }
        head.headers.insert(USER_AGENT, HeaderValue::from_static("wickr-sso"));
        http::Request::from_parts(head, Full::new(Bytes::from(body)))
    }
}

/// Whether nobody who signs people in can be there: link-local addresses carry the metadata services of
/// clouds, the others reach no single host. IPv4 inside IPv6 counts as the IPv4 address it stands for.
fn refused(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => refused_v4(v4),
        IpAddr::V6(v6) => refused_v6(v6),
    }
}

fn refused_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || address.is_unspecified() || address.is_multicast() || address.is_broadcast()
}

fn refused_v6(address: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // IPv4-mapped and NAT64 (RFC 4291 section 2.5.5.2, RFC 6052 section 2.1)
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            refused_v4(v4(high, low))
        }
        // 6to4 (RFC 3056 section 2)
        [0x2002, high, low, ..] => refused_v4(v4(high, low)),
        _ => {
            address.is_unicast_link_local()
                || address.is_unspecified()
                || address.is_multicast()
                // The metadata service of one large cloud has a unique-local address.
                || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_refused_in_every_spelling() {
        for bad in [
            "169.254.169.254",
            "169.254.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "fe80::1",
            "febf::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::",
            "ff02::1",
            "fd00:ec2::254",
        ] {
            assert!(refused(bad.parse().unwrap()), "{bad}");
        }
        for good in ["127.0.0.1", "10.0.0.1", "192.0.2.1", "::1", "fd00::1", "2001:db8::1", "::ffff:10.0.0.1"]
        {
            assert!(!refused(good.parse().unwrap()), "{good}");
        }
    }

    #[test]
    fn only_https_without_credentials_is_a_target() {
        for bad in ["http://idp.example/", "https://user@idp.example/", "/path", "ftp://idp.example/"] {
            assert!(Target::of(&bad.parse().unwrap()).is_err(), "{bad}");
        }
        let target = Target::of(&"https://[2001:db8::1]:8443/x".parse().unwrap()).unwrap();
        assert_eq!((target.host.as_str(), target.port), ("2001:db8::1", 8443));
        assert_eq!(Target::of(&"https://idp.example/x".parse().unwrap()).unwrap().port, 443);
    }

    #[tokio::test]
    async fn a_literal_address_is_refused_like_a_resolved_one() {
        let target = Target::of(&"https://169.254.169.254/latest".parse().unwrap()).unwrap();
        assert!(matches!(target.resolve().await, Err(DoorError::Address { .. })));
    }
}
