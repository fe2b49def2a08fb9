//! The names that pods can resolve: the cluster's own, and those of services outside, which have no other DNS.
//! Every other name does not exist, at once and without asking anybody.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Names of services outside the clusters and where they are.
pub type Hosts = BTreeMap<String, Ipv4Addr>;

/// A pod that is replaced answers for two more seconds, until the proxy has sent everybody to its successor.
const CLUSTER: &str = "\
cluster.local:53 in-addr.arpa:53 {
  errors
  health :8080 {
    lameduck 2s
  }
  ready :8181
  kubernetes cluster.local in-addr.arpa {
    ttl 5
  }
}
";

const NOWHERE: &str = "\
.:53 {
  template ANY ANY {
    rcode NXDOMAIN
  }
}
";

fn zone(name: &str, address: Ipv4Addr) -> String {
    format!("{name}:53 {{\n  errors\n  hosts {{\n    {address} {name}\n    ttl 5\n  }}\n}}\n")
}

/// CoreDNS' configuration.
pub(crate) fn corefile(hosts: &Hosts) -> String {
    let zones: String = hosts.iter().map(|(name, address)| zone(name, *address)).collect();
    format!("{CLUSTER}{zones}{NOWHERE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_outside_has_a_zone_of_its_own() {
        let hosts = Hosts::from([("sso.hq.example".to_owned(), Ipv4Addr::new(10, 250, 0, 1))]);
        assert!(
            corefile(&hosts)
                .contains("sso.hq.example:53 {\n  errors\n  hosts {\n    10.250.0.1 sso.hq.example\n")
        );
        assert!(!corefile(&Hosts::new()).contains("hosts"));
    }
}
