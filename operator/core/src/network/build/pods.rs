//! StatefulSets: one pod per service under the restricted profile, with its volume, keys and configuration mounted.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, HTTPGetAction,
    LocalObjectReference, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec,
    Probe, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config::{self, Config, DATA, ETC};
use super::metadata;
use crate::network::valid::PublicTlsSource;
use crate::network::{KeySlot, ValidNetwork};
use crate::{ADMIN_PORT, Env, METRICS_PORT, PUBLIC_PORT, Role, labels};

/// User and group of every process of ours.
const NOBODY: i64 = 65_532;
/// What a pod gets beyond its drain before it is killed.
const GRACE: u64 = 10;
/// Keys are readable by the process's group alone.
const KEY_MODE: i32 = 0o440;
/// Where programs put what need not last.
const TMP: &str = "tmp";
const VOLUME: &str = "data";

pub(super) fn stateful_set(network: &ValidNetwork, env: &Env, config: &Config) -> StatefulSet {
    let role = config.role;
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels::of_role(&network.names.network, role)),
            annotations: Some(BTreeMap::from([(labels::CONFIG.to_owned(), config.hash.clone())])),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(network, env, role)),
    };
    StatefulSet {
        metadata: metadata::of_role(network, network.names.role(role), role),
        spec: StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(network.names.role(role)),
            // A pod that never gets ready is replaced by the next revision instead of blocking it.
            pod_management_policy: Some("Parallel".to_owned()),
            revision_history_limit: Some(3),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: None,
            }),
            selector: LabelSelector {
                match_labels: Some(labels::select_role(&network.names.network, role)),
                ..LabelSelector::default()
            },
            template,
            ..StatefulSetSpec::default()
        },
        status: None,
    }
}

fn pod(network: &ValidNetwork, env: &Env, role: Role) -> PodSpec {
    let grace = env.drain.as_secs() + GRACE;
    let secrets = env.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() });
    PodSpec {
        service_account_name: Some(network.names.role(role)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: Some(secrets.collect::<Vec<_>>()).filter(|secrets| !secrets.is_empty()),
        termination_grace_period_seconds: Some(i64::try_from(grace).unwrap_or(i64::MAX)),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY),
            run_as_group: Some(NOBODY),
            fs_group: Some(NOBODY),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(network, env, role)],
        volumes: Some(volumes(network, role)),
        ..PodSpec::default()
    }
}

fn container(network: &ValidNetwork, env: &Env, role: Role) -> Container {
    let sizes = &network.sizes;
    let quantities = |list: &[(&str, String)]| {
        Some(list.iter().map(|(name, amount)| ((*name).to_owned(), Quantity(amount.clone()))).collect())
    };
    let file = format!("{ETC}/{}/{}", config::CONFIG, config::FILE);
    Container {
        name: role.name().to_owned(),
        image: Some(env.server_image.clone()),
        image_pull_policy: Some(env.pull_policy.clone()),
        args: Some(vec![role.name().to_owned(), "--config".to_owned(), file]),
        ports: Some(vec![
            port(role.name(), PUBLIC_PORT),
            port("admin", ADMIN_PORT),
            port("metrics", METRICS_PORT),
        ]),
        // Opening a large store takes its time; until then nobody judges.
        startup_probe: Some(probe("/livez", 1, 120)),
        liveness_probe: Some(probe("/livez", 10, 3)),
        readiness_probe: Some(probe("/readyz", 2, 2)),
        resources: Some(ResourceRequirements {
            requests: quantities(&[("cpu", sizes.cpu_request(role)), ("memory", sizes.memory_request(role))]),
            limits: quantities(&[("memory", sizes.memory_limit(role))]),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        // The last words of a process that dies become the reason in status.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts(role)),
        ..Container::default()
    }
}

/// Folders below `ETC` with the keys that a role has, and no other's.
fn keys(network: &ValidNetwork, role: Role) -> Vec<(&'static str, String)> {
    let names = &network.names;
    let public = match &network.exposure.tls {
        PublicTlsSource::Managed => names.secret(KeySlot::PublicTls),
        PublicTlsSource::Given { secret, .. } => secret.clone(),
    };
    let mut keys = vec![(config::TLS, names.secret(KeySlot::Tls(role))), (config::PUBLIC_TLS, public)];
    match role {
        Role::Relay => keys.push((config::EXTERNAL_SENDER, names.secret(KeySlot::ExternalSender))),
        Role::Sso => {
            keys.push((config::DEVICE_ISSUER, names.secret(KeySlot::DeviceIssuer)));
            keys.push((config::SEALING, names.secret(KeySlot::SsoSeal)));
        }
    }
    keys
}

fn volumes(network: &ValidNetwork, role: Role) -> Vec<Volume> {
    let config_map = |name: &str, map: String| Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource { name: map, ..ConfigMapVolumeSource::default() }),
        ..Volume::default()
    };
    let secret = |(name, secret): (&str, String)| Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret),
            default_mode: Some(KEY_MODE),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    };
    let data = Volume {
        name: VOLUME.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: network.names.data(role),
            read_only: None,
        }),
        ..Volume::default()
    };
    let tmp = Volume {
        name: TMP.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity("64Mi".to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    };
    let maps = [
        config_map(config::CONFIG, network.names.config(role)),
        config_map(config::DOCUMENT, network.names.document()),
    ];
    [data, tmp].into_iter().chain(maps).chain(keys(network, role).into_iter().map(secret)).collect()
}

fn mounts(role: Role) -> Vec<VolumeMount> {
    let mount = |name: &str, path: String, read_only: bool| VolumeMount {
        name: name.to_owned(),
        mount_path: path,
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    let of_role: &[&str] = match role {
        Role::Relay => &[config::EXTERNAL_SENDER],
        Role::Sso => &[config::DEVICE_ISSUER, config::SEALING],
    };
    let etc = [config::CONFIG, config::DOCUMENT, config::TLS, config::PUBLIC_TLS];
    let etc = etc.iter().chain(of_role).map(|name| mount(name, format!("{ETC}/{name}"), true));
    [mount(VOLUME, DATA.to_owned(), false), mount(TMP, "/tmp".to_owned(), false)]
        .into_iter()
        .chain(etc)
        .collect()
}

fn port(name: &str, port: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: port.into(),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("metrics".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        timeout_seconds: Some(2),
        ..Probe::default()
    }
}
