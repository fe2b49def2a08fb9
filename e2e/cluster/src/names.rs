//! The names that pods can resolve: the cluster's own, and those of services outside, which have no other DNS.
//! Every other name does not exist, at once and without asking anybody.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Names of services outside the clusters and where they are.
pub type Hosts = BTreeMap<String, Ipv4Addr>;

/// CoreDNS' configuration.
pub(crate) fn corefile(hosts: &Hosts) -> String {
    let mut corefile = String::from(
        "cluster.local:53 in-addr.arpa:53 {\n  errors\n  health :8080\n  ready :8181\n  kubernetes cluster.local in-addr.arpa {\n    ttl 5\n  }\n}\n",
    );
    for (name, address) in hosts {
        corefile += &format!("{name}:53 {{\n  errors\n  hosts {{\n    {address} {name}\n    ttl 5\n  }}\n}}\n");
    }
    corefile + ".:53 {\n  template ANY ANY {\n    rcode NXDOMAIN\n  }\n}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_outside_has_a_zone_of_its_own() {
        let hosts = Hosts::from([("sso.hq.example".to_owned(), Ipv4Addr::new(10, 250, 0, 1))]);
        assert!(corefile(&hosts).contains("sso.hq.example:53 {\n  errors\n  hosts {\n    10.250.0.1 sso.hq.example\n"));
        assert!(!corefile(&Hosts::new()).contains("hosts"));
    }
}
