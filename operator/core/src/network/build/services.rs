//! Services: headless for admin ports, node ports or one load balancer for clients, one for the metrics of all.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::metadata;
use crate::network::{LoadBalancer, ValidNetwork};
use crate::put::Target;
use crate::{ADMIN_PORT, KindRow, METRICS_PORT, Names, PUBLIC_PORT, Role, labels};

/// All of them.
pub(super) fn services(network: &ValidNetwork) -> Vec<Service> {
    let of_roles = Role::ALL.into_iter().flat_map(|role| [admin(network, role), public(network, role)]);
    let balancer = network.exposure.load_balancer.as_ref().map(|balancer| load_balancer(network, balancer));
    of_roles.chain([metrics(network)]).chain(balancer).collect()
}

/// The field of the spec that a Service gets its node port from.
pub fn port_path(names: &Names, service: &Target) -> Option<&'static str> {
    let of = |role| service.kind == KindRow::of::<Service>() && service.name == names.public(role);
    if of(Role::Relay) {
        Some("spec.exposure.service.relayPort")
    } else {
        of(Role::Sso).then_some("spec.exposure.service.ssoPort")
    }
}

/// Pod by pod, ready or not: a service must be reachable for the operator before it is ready.
fn admin(network: &ValidNetwork, role: Role) -> Service {
    Service {
        metadata: metadata::of_role(network, network.names.role(role), role),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(labels::select_role(&network.names.network, role)),
            ports: Some(vec![port("admin", ADMIN_PORT, None)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// For clients at the nodes; with a load balancer only for the operator, which asks there how a client would be answered.
fn public(network: &ValidNetwork, role: Role) -> Service {
    let (kind, node_port) = match &network.exposure.load_balancer {
        Some(_) => ("ClusterIP", None),
        None => ("NodePort", Some(network.exposure.port(role))),
    };
    Service {
        metadata: metadata::of_role(network, network.names.public(role), role),
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            selector: Some(labels::select_role(&network.names.network, role)),
            ports: Some(vec![ServicePort {
                // By number: pods of an earlier operator, which go on while others are replaced, name it otherwise.
                target_port: Some(IntOrString::Int(PUBLIC_PORT.into())),
                ..port("public", PUBLIC_PORT, node_port)
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// One address for all roles, as they have one hostname. Its ports lead to pods by the names of their ports, which are
/// the roles'.
fn load_balancer(network: &ValidNetwork, balancer: &LoadBalancer) -> Service {
    let labels = labels::of_network(&network.names.network);
    let mut metadata = metadata::owned(network, network.names.load_balancer(), labels);
    metadata.annotations = Some(balancer.annotations.clone()).filter(|annotations| !annotations.is_empty());
    let of_role = |role: Role| ServicePort {
        port: network.exposure.port(role).into(),
        ..port(role.name(), PUBLIC_PORT, None)
    };
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("LoadBalancer".to_owned()),
            load_balancer_class: balancer.class.clone(),
            selector: Some(labels::select_network(&network.names.network)),
            ports: Some(Role::ALL.map(of_role).to_vec()),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// For Prometheus; the annotations are those that its common scrape configuration reads.
fn metrics(network: &ValidNetwork) -> Service {
    let labels = labels::of_network(&network.names.network);
    let mut metadata = metadata::owned(network, network.names.metrics(), labels);
    let annotations =
        [("prometheus.io/scrape", "true".to_owned()), ("prometheus.io/port", METRICS_PORT.to_string())];
    metadata.annotations =
        Some(annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    Service {
        metadata,
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(labels::select_network(&network.names.network)),
            ports: Some(vec![port("metrics", METRICS_PORT, None)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn port(name: &str, port: u16, node_port: Option<u16>) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: port.into(),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        node_port: node_port.map(Into::into),
        ..ServicePort::default()
    }
}
