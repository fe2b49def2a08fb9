//! `docs/reference/operator.md`: keys, calls, conditions, reasons and rights, each from its table.

use std::fmt::Write as _;

use crate::basis::Basis;
use crate::calls::{CALLS, Party};
use crate::event::EventReason;
use crate::finding::FindingCode;
use crate::hold::HoldReason;
use crate::network::{self, KeySlot};
use crate::own_rights::OWN_RIGHTS;
use crate::provider;
use crate::reads::{By, all};

const HEAD: &str = "# What the operator says and does\n\n\
Generated from `operator/core` by `cargo xtask check drift --write`. The fields are in [resources.md](resources.md).\n";

pub(super) fn page() -> String {
    let mut out = HEAD.to_owned();
    conditions(&mut out, "WickrNetwork", &network::condition::ALL);
    conditions(&mut out, "IdentityProvider", &provider::condition::ALL);
    keys(&mut out);
    calls(&mut out);
    words(&mut out);
    admission(&mut out);
    rights(&mut out);
    out
}

fn conditions(out: &mut String, kind: &str, all: &[(&str, &str)]) {
    let _ = write!(out, "\n## Conditions of {kind}\n\n| type | True means |\n|---|---|\n");
    for (type_, meaning) in all {
        let _ = writeln!(out, "| `{type_}` | {meaning} |");
    }
}

fn keys(out: &mut String) {
    out.push_str(
        "\n## Keys\n\nA Secret each, named after the network. A durable one has no owner: it outlives the network, and a \
         network of the same name and domain takes it up again; it is never made a second time over data that was \
         written under another.\n\n| Secret | durable |\n|---|---|\n",
    );
    for slot in KeySlot::ALL {
        let durable =
            if slot.is_durable() { "yes" } else { "no: made again when it is lost, renewed by itself" };
        let _ = writeln!(out, "| `NAME-{}` | {durable} |", slot.suffix());
    }
    for slot in KeySlot::NEXT {
        let _ = writeln!(
            out,
            "| `NAME-{}` | yes; there only while the issuer is being replaced |",
            slot.suffix()
        );
    }
}

fn calls(out: &mut String) {
    out.push_str(
        "\n## Who may call whom\n\nNetworkPolicies are derived from this table; everything else is closed.\n\n\
         | from | to | port | what for |\n|---|---|---|---|\n",
    );
    for call in CALLS {
        let port = call.port.map_or_else(|| "the issuer's".to_owned(), |port| port.to_string());
        let _ = writeln!(out, "| {} | {} | {port} | {} |", party(call.from), party(call.to), call.why);
    }
}

fn party(of: Party) -> &'static str {
    match of {
        Party::Service(role) => role.name(),
        Party::Operator => "operator",
        Party::Monitoring => "`spec.isolation.monitoring`",
        Party::Dns => "`spec.isolation.dns`",
        Party::Provider => "identity provider, `spec.cidrs`",
        Party::Anybody => "anybody",
    }
}

fn words(out: &mut String) {
    let list = |words: Vec<&str>| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let _ = write!(
        out,
        "\n## Words\n\nReasons of Accepted, when a spec is refused: {}.\n\nReasons of Progressing, and of `status.waiting`: {}.\n\n\
         Reasons of Events (a warning where it says so): {}.\n",
        list(FindingCode::ALL.iter().map(|code| code.as_str()).collect()),
        list(HoldReason::ALL.iter().map(|reason| reason.as_str()).collect()),
        EventReason::ALL
            .iter()
            .map(|reason| format!(
                "`{}`{}",
                reason.as_str(),
                if reason.is_warning() { " (warning)" } else { "" }
            ))
            .collect::<Vec<_>>()
            .join(", "),
    );
}

fn admission(out: &mut String) {
    out.push_str(
        "\n## Admission\n\nThe webhook judges by the same rules as the controller. What it makes of a finding follows from \
         what the finding rests on. A change that leaves `spec` as it is, and anything about an object that is being \
         deleted, is always taken; a finding that the object had before the change is a warning.\n\n\
         | rests on | reasons |\n|---|---|\n",
    );
    for basis in Basis::ALL {
        let codes = FindingCode::ALL.iter().filter(|code| code.basis() == basis);
        let codes: Vec<String> = codes.map(|code| format!("`{}`", code.as_str())).collect();
        let _ = writeln!(out, "| {} | {} |", basis.meaning(), codes.join(", "));
    }
    out.push_str(
        "\nWith `webhook.enabled` the chart grants two rights more: in the operator's namespace, create on `secrets`, and get \
         and patch on the one `RELEASE-webhook`; in the cluster, get and patch on the one \
         `validatingwebhookconfigurations` `RELEASE-NAMESPACE`.\n",
    );
}

fn rights(out: &mut String) {
    out.push_str("\n## Rights\n\nThe chart grants exactly these.\n\n| resource | verbs | how it is read | what for |\n|---|---|---|---|\n");
    for row in all() {
        let group = if row.kind.group.is_empty() { String::new() } else { format!(".{}", row.kind.group) };
        let how = match row.by {
            By::Watch { label: Some(label) } => format!("watched by label `{label}`"),
            By::Watch { label: None } => "watched".to_owned(),
            By::Nothing => "not read".to_owned(),
        };
        let below = row.subresources.iter().map(|(name, verbs)| format!("; {name}: {}", verbs.join(", ")));
        let below = below.collect::<Vec<_>>().concat();
        let _ = writeln!(
            out,
            "| `{}{group}` | {}{below} | {how} | {} |",
            row.kind.plural,
            row.verbs.join(", "),
            row.why
        );
    }
    out.push_str(
        "\nIn its own namespace, for itself:\n\n| resource | name | verbs | what for |\n|---|---|---|---|\n",
    );
    for right in OWN_RIGHTS {
        let name = right.name.map_or("any", |(_, name)| name);
        let resource = format!("{}.{}", right.kind.plural, right.kind.group);
        let _ = writeln!(out, "| `{resource}` | {name} | {} | {} |", right.verbs.join(", "), right.why);
    }
}
