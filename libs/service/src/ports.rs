//! Opening a port, also where the kernel has no IPv6 (what answers there: `accept`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// Listens at `address`. `[::]` means every address: where the kernel has no IPv6 that is `0.0.0.0`.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let tcp = match TcpListener::bind(address).await {
        Ok(tcp) => tcp,
        Err(error) => match instead(address, &error) {
            Some(other) => TcpListener::bind(other).await?,
            None => return Err(error),
        },
    };
    let at = tcp.local_addr()?;
    Ok((tcp, at))
}

/// The address to try when `address` could not be had; none when that would hide the true reason.
fn instead(address: SocketAddr, error: &io::Error) -> Option<SocketAddr> {
    let taken = matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied);
    let everywhere = address.is_ipv6() && address.ip().is_unspecified();
    (everywhere && !taken).then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernel_without_ip_version_six_makes_us_listen_elsewhere() {
        let everywhere: SocketAddr = "[::]:8443".parse().unwrap();
        // EAFNOSUPPORT and EADDRNOTAVAIL on Linux.
        for missing in [97, 99] {
            let error = io::Error::from_raw_os_error(missing);
            assert_eq!(instead(everywhere, &error), Some("0.0.0.0:8443".parse().unwrap()));
            assert_eq!(instead("[::1]:8443".parse().unwrap(), &error), None);
        }
        assert_eq!(instead(everywhere, &io::ErrorKind::AddrInUse.into()), None);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error() {
        let (_first, at) = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert_eq!(listen(at).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
