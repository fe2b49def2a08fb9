//! A second network, on a small volume of its own and behind a load balancer: its Secret comes late, and so does its
//! address, its volume fills up, its services stop, its key is damaged, its certificate is for another name.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use wickr_cluster::{Client, SmallVolume};
use wickr_scenarios::alerting::Alerting;
use wickr_scenarios::kubernetes::{Kubernetes, Place};
use wickr_scenarios::samples::repository;
use wickr_scenarios::suite::Suite;

use super::stage::Told;

const NAMESPACE: &str = "outpost";
pub(super) const NETWORK: Place<'_> = Place { namespace: NAMESPACE, kind: "wickrnetwork", name: "outpost" };
const PROVIDER: Place<'_> = Place { namespace: NAMESPACE, kind: "identityprovider", name: "outpost-idp" };
const CLASS: &str = "small";
const MEBIBYTES: u32 = 256;
const RELAY_PORT: u16 = 443;
const SSO_PORT: u16 = 8444;

struct Outpost<'a> {
    suite: &'a Suite,
    prometheus: &'a Alerting,
    network: Told<'a>,
    provider: Told<'a>,
}

pub(crate) fn play(suite: &Suite, prometheus: &Alerting) -> Result<()> {
    let kubernetes = &suite.kubernetes;
    let outpost = Outpost {
        suite,
        prometheus,
        network: Told { kubernetes, place: NETWORK },
        provider: Told { kubernetes, place: PROVIDER },
    };
    let volume = SmallVolume::create(kubernetes.ground().own()?, CLASS, MEBIBYTES)?;
    outpost.a_missing_secret().context("a missing Secret")?;
    outpost.a_load_balancer_that_is_late().context("a load balancer that is late")?;
    outpost.a_full_volume(&volume).context("a full volume")?;
    outpost.stopped_services().context("stopped services")?;
    outpost.a_pod_that_crashes().context("a pod that crashes")?;
    outpost.an_unfit_certificate().context("an unfit certificate")?;
    outpost.network.is_well("Ready")?;
    outpost.provider.is_well("Ready")
}

impl Outpost<'_> {
    fn kubernetes(&self) -> &Kubernetes {
        &self.suite.kubernetes
    }

    fn merge(&self, kind: &str, name: &str, patch: &serde_json::Value) -> Result<()> {
        let patch = patch.to_string();
        let arguments = ["patch", "-n", NAMESPACE, kind, name, "--type=merge", "-p", &patch];
        self.kubernetes().run(&arguments).map(drop)
    }

    fn a_missing_secret(&self) -> Result<()> {
        self.kubernetes().apply(&self.manifests()?)?;
        let words = ["spec.clientSecretRef", "Secret \"idp\" is not there", "create it"];
        self.provider.is_broken("Accepted", "SecretMissing", &words)?;
        let words = ["no provider has passed its rehearsal", "kubectl describe widp -n outpost outpost-idp"];
        self.network.is_broken("SignInReady", "NoActiveProvider", &words)?;
        self.kubernetes().apply(&self.suite.client_secret(NAMESPACE))?;
        self.provider.is_well("Ready")?;
        self.network.is_well("SignInReady")
    }

    /// The test plays the controller of a load balancer: it gives the Service the node's address. What comes there at
    /// the Service's ports is led to the pods by the cluster's own proxy.
    fn a_load_balancer_that_is_late(&self) -> Result<()> {
        let words = ["Service outpost/outpost-public has no address", "kubectl describe service -n outpost"];
        self.network.is_broken("PublicReady", "NoAddress", &words)?;
        let node = self.kubernetes().ground().node();
        let given = json!({"status": {"loadBalancer": {"ingress": [{"ip": node}]}}}).to_string();
        let patch =
            ["patch", "service", "outpost-public", "--subresource=status", "--type=merge", "-p", &given];
        self.kubernetes().run(&[&["-n", NAMESPACE], &patch[..]].concat())?;
        let words = [node.to_string(), "DNS must lead \"chat.outpost.example\"".to_owned()];
        self.network.says("PublicReady", "True", "Answering", &words.each_ref().map(String::as_str))?;
        self.network.is_well("Ready")?;
        let folder = tempfile::tempdir().context("making a folder")?;
        let issuer = folder.path().join("ca.crt");
        fs::write(&issuer, self.kubernetes().secret(NAMESPACE, "outpost-public-tls", "ca.crt")?)
            .context("writing the issuer's certificate")?;
        for port in [RELAY_PORT, SSO_PORT] {
            let (status, body) = Client::trusting(&issuer)?.get(
                SocketAddr::from((node, port)),
                "chat.outpost.example",
                "/.well-known/wickr-network",
            )?;
            ensure!(status == 200 && body.contains("\"document\""), "{port} answers {status}: {body}");
        }
        Ok(())
    }

    fn a_full_volume(&self, volume: &SmallVolume) -> Result<()> {
        volume.fill()?;
        let words =
            ["PersistentVolumeClaim outpost/outpost-relay-data", "is full", "spec.storage.embedded.size"];
        self.network.is_broken("StorageReady", "VolumeFull", &words)?;
        let words = ["Pod outpost/outpost-relay-0", "could not be written"];
        self.network.is_broken("RelayReady", "CanaryFailed", &words)?;
        self.prometheus.is_pending("WickrStorageTrouble", "reason=\"VolumeFull\"")?;
        volume.free()?;
        self.network.is_well("RelayReady")?;
        self.network.is_well("StorageReady")
    }

    fn stopped_services(&self) -> Result<()> {
        let pods = ["outpost-relay-0", "outpost-sso-0"];
        let signal = |signal: &str| {
            let send =
                |pod: &&str| self.kubernetes().signal(NAMESPACE, pod, "wickr-server", signal).map(drop);
            pods.iter().try_for_each(send)
        };
        signal("STOP")?;
        let words =
            ["outpost-relay-0.outpost-relay.outpost.svc:9443 doesn't answer", "kubectl logs -n outpost"];
        self.network.is_broken("RelayReady", "RelayUnreachable", &words)?;
        let words = ["outpost-sso-0.outpost-sso.outpost.svc:9443 doesn't answer", "kubectl logs -n outpost"];
        self.network.is_broken("SsoReady", "SsoUnreachable", &words)?;
        signal("CONT")?;
        self.network.is_well("RelayReady")?;
        self.network.is_well("SsoReady")
    }

    fn a_pod_that_crashes(&self) -> Result<()> {
        let (pod, key) = ("outpost-sso-0", "outpost-sso-seal");
        let again = || self.kubernetes().run(&["delete", "pod", "-n", NAMESPACE, pod]).map(drop);
        let kept = self.kubernetes().get(NAMESPACE, "secret", key)?.context("there is no seal key")?;
        self.merge("secret", key, &json!({"data": {"seal.key": "AAAA"}}))?;
        again()?;
        let words = ["Pod outpost/outpost-sso-0", "its last words", "32", "kubectl logs --previous"];
        self.network.is_broken("SsoReady", "SsoCrashLoop", &words)?;
        let down = format!("namespace=\"{NAMESPACE}\",pod=\"{pod}\"");
        self.prometheus.fires("WickrServiceDown", &down)?;
        let words =
            ["Secret outpost/outpost-sso-seal", "3 bytes, not 32", "restore the Secret from a backup"];
        self.network.is_broken("KeysReady", "KeyUnreadable", &words)?;
        self.merge("secret", key, &json!({"data": kept["data"]}))?;
        again()?;
        self.network.is_well("KeysReady")?;
        self.network.is_well("SsoReady")?;
        self.prometheus.is_over("WickrServiceDown", &down)
    }

    fn an_unfit_certificate(&self) -> Result<()> {
        let relay = self.kubernetes().get(NAMESPACE, "secret", "outpost-tls-relay")?;
        let data = &relay.context("the relay has no certificate")?["data"];
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "given", "namespace": NAMESPACE},
            "type": "kubernetes.io/tls",
            "data": data,
        });
        self.kubernetes().apply(&secret.to_string())?;
        let given = json!({"managed": null, "secretRef": {"name": "given"}});
        let managed = json!({"managed": {}, "secretRef": null});
        let set =
            |tls| self.merge("wickrnetwork", NETWORK.name, &json!({"spec": {"exposure": {"tls": tls}}}));
        set(given)?;
        let words =
            ["spec.exposure.tls.secretRef.name", "Secret \"given\"", "not for \"chat.outpost.example\""];
        self.network.is_broken("Accepted", "CertificateUnfit", &words)?;
        set(managed)?;
        self.network.is_well("Accepted")
    }

    /// The demo's network and provider under other names, behind a load balancer, the relay's volume of the small class, and a volume of
    /// sso's that is there before.
    fn manifests(&self) -> Result<String> {
        let demo = |file: &str| {
            let path = repository().join("manifests/demo").join(file);
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            Ok::<_, anyhow::Error>(
                text.replace("hq.example", "outpost.example")
                    .replace("sso.outpost.example", "sso.hq.example")
                    .replace("realms/hq", "realms/HQ")
                    .replace(": hq", ": outpost")
                    .replace("realms/HQ", "realms/hq")
                    .replace("type: NodePort", "type: LoadBalancer")
                    .replace("30443", &RELAY_PORT.to_string())
                    .replace("30444", &SSO_PORT.to_string())
                    .replace("size: 1Gi", &format!("size: {MEBIBYTES}Mi\n      storageClassName: {CLASS}")),
            )
        };
        let sso = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": "outpost-sso-data",
                "namespace": NAMESPACE,
                "labels": {"wickr.dev/network": NETWORK.name, "wickr.dev/domain": "outpost.example"},
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "local",
                "resources": {"requests": {"storage": format!("{MEBIBYTES}Mi")}},
            },
        });
        let files = [demo("namespace.yaml")?, demo("network.yaml")?, demo("identity-provider.yaml")?];
        let ca = self.suite.provider_ca(NAMESPACE)?;
        Ok(format!("{}\n---\n{sso}\n---\n{ca}\n---\n{}\n---\n{}", files[0], files[1], files[2]))
    }
}
