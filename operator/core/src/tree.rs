//! `kubectl wickr status`: a network and its providers as a tree of conditions, what is waited for, the next command.

use std::fmt::Write as _;

use kube_core::ResourceExt as _;
use wickr_base::UnixMillis;
use wickr_operator_api::v1alpha1::{Condition, IdentityProvider, Waiting, WickrNetwork};

use crate::condition::{find, millis};

/// Conditions that are as they should be when they are False.
const INVERSE: [&str; 2] = ["Progressing", "Degraded"];

/// The tree. `providers` are those of the network's namespace.
pub fn render(network: &WickrNetwork, providers: &[IdentityProvider], now: UnixMillis) -> String {
    let mut tree = Tree { out: String::new(), now };
    let status = network.status.clone().unwrap_or_default();
    let name = format!("{}/{}", network.namespace().unwrap_or_default(), network.name_any());
    tree.head("", &format!("WickrNetwork {name}"), &status.conditions);
    tree.fact("domain", &network.spec.domain);
    if let Some(join) = &status.join {
        tree.fact("join", join);
    }
    if let Some(document) = &status.document {
        let on = format!("number {}, on {} replicas", document.number, document.replicas);
        tree.fact("document", &on);
    }
    if let Some(users) = status.users {
        tree.fact("users", &format!("{users} of {}", network.spec.capacity.users));
    }
    if network.metadata.deletion_timestamp.is_some() {
        tree.fact("deletion", &format!("{:?}", network.spec.deletion_policy));
    }
    let ours: Vec<&IdentityProvider> =
        providers.iter().filter(|provider| provider.spec.network_ref.name == network.name_any()).collect();
    let last = ours.is_empty() && status.waiting.is_empty();
    tree.conditions("", &status.conditions, last);
    tree.waiting("", &status.waiting, ours.is_empty());
    for (at, provider) in ours.iter().enumerate() {
        let last = at + 1 == ours.len();
        let status = provider.status.clone().unwrap_or_default();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        tree.head(branch, &format!("IdentityProvider {}", provider.name_any()), &status.conditions);
        tree.conditions(below, &status.conditions, status.waiting.is_empty());
        tree.waiting(below, &status.waiting, true);
    }
    tree.next(network, &status.conditions, &ours);
    tree.out
}

struct Tree {
    out: String,
    now: UnixMillis,
}

impl Tree {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}", text.trim_end());
    }

    fn head(&mut self, branch: &str, name: &str, conditions: &[Condition]) {
        let ready = match find(conditions, "Ready") {
            Some(ready) if ready.status == "True" => format!("Ready for {}", self.age(ready)),
            Some(ready) => format!("not Ready for {}: {}", self.age(ready), ready.reason),
            None => "not judged yet: is the operator running?".to_owned(),
        };
        self.line(&format!("{branch}{name}  {ready}"));
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.line(&format!("│  {name:<9} {value}"));
    }

    /// One line per condition; what is not as it should be with its message and what to do next.
    fn conditions(&mut self, indent: &str, conditions: &[Condition], last: bool) {
        let parts: Vec<&Condition> =
            conditions.iter().filter(|condition| condition.type_ != "Ready").collect();
        for (at, condition) in parts.iter().enumerate() {
            let ends = last && at + 1 == parts.len();
            let (branch, below) = if ends { ("└─", "  ") } else { ("├─", "│ ") };
            let inverse = INVERSE.contains(&condition.type_.as_str());
            let wanted = if inverse { "False" } else { "True" };
            let mark = match condition.status.as_str() {
                "Unknown" => "?",
                status if status == wanted => "✓",
                // Being on the way is nothing wrong; what is waited for stands below.
                _ if condition.type_ == "Progressing" => "…",
                _ => "✗",
            };
            let type_ = &condition.type_;
            self.line(&format!("{indent}{branch} {mark} {type_:<18} {}", condition.reason));
            if ["✗", "?"].contains(&mark) {
                for sentence in sentences(&condition.message) {
                    self.line(&format!("{indent}{below}     {sentence}"));
                }
            }
        }
    }

    fn waiting(&mut self, indent: &str, waiting: &[Waiting], last: bool) {
        for (at, wait) in waiting.iter().enumerate() {
            let ends = last && at + 1 == waiting.len();
            let (branch, below) = if ends { ("└─", "  ") } else { ("├─", "│ ") };
            let since = span(self.now, millis(&wait.since));
            self.line(&format!("{indent}{branch} … waiting for {since}: {} ({})", wait.reason, wait.object));
            self.line(&format!("{indent}{below}     {}.", wait.message.trim_end_matches('.')));
            self.line(&format!("{indent}{below}     Next: {}.", wait.next.trim_end_matches('.')));
        }
    }

    /// The one thing to do first.
    fn next(&mut self, network: &WickrNetwork, conditions: &[Condition], providers: &[&IdentityProvider]) {
        let (namespace, name) = (network.namespace().unwrap_or_default(), network.name_any());
        let next = match find(conditions, "Ready") {
            // It serves; what would end that, or keeps it from being changed, comes before joining it.
            Some(ready) if ready.status == "True" => {
                let troubled = warned(conditions).or_else(|| providers.iter().find_map(|one| unready(one)));
                troubled.unwrap_or_else(|| {
                    let status = network.status.as_ref();
                    let join = status.and_then(|status| status.join.clone()).unwrap_or_default();
                    format!("wickr login '{join}'")
                })
            }
            Some(ready) => {
                step(&ready.message).unwrap_or_else(|| format!("kubectl get wn -n {namespace} {name} -w"))
            }
            None => "kubectl get pods -A -l app.kubernetes.io/name=wickr-operator".to_owned(),
        };
        self.line("");
        self.line(&format!("Next: {next}"));
    }

    fn age(&self, condition: &Condition) -> String {
        span(self.now, millis(&condition.last_transition_time))
    }
}

/// What to do about a network that serves.
fn warned(conditions: &[Condition]) -> Option<String> {
    let bad = |type_: &str, status: &str| find(conditions, type_).filter(|found| found.status == status);
    let warnings = [bad("Degraded", "True"), bad("KeysLasting", "False")];
    warnings.into_iter().flatten().find_map(|warning| step(&warning.message))
}

/// What to do about a provider that says that it isn't ready.
fn unready(provider: &IdentityProvider) -> Option<String> {
    let ready =
        find(&provider.status.as_ref()?.conditions, "Ready").filter(|ready| ready.status != "True")?;
    let (namespace, name) = (provider.namespace().unwrap_or_default(), provider.name_any());
    Some(step(&ready.message).unwrap_or_else(|| format!("kubectl describe widp -n {namespace} {name}")))
}

/// The first thing to do that a message names.
fn step(message: &str) -> Option<String> {
    let steps = sentences(message).into_iter();
    steps
        .filter_map(|sentence| sentence.strip_prefix("Next: ").map(str::to_owned))
        .find(|next| !next.starts_with("nothing"))
}

/// A message, split before each "Next:" so that what to do stands on a line of its own.
fn sentences(message: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, part) in message.split("Next: ").enumerate() {
        if at == 0 {
            out.extend(Some(part.trim().to_owned()).filter(|text| !text.is_empty()));
            continue;
        }
        // The step ends at the sentence's full stop; what follows is about something else.
        let (step, rest) = part.split_once(". ").unwrap_or((part.trim_end_matches('.'), ""));
        out.push(format!("Next: {step}"));
        out.extend(Some(rest.trim().to_owned()).filter(|text| !text.is_empty()));
    }
    out
}

/// How long ago, in the unit that a person would use.
fn span(now: UnixMillis, since: UnixMillis) -> String {
    match now.since(since).as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_stands_on_a_line_of_its_own() {
        let told = sentences("a is wrong. Next: mend a. b is wrong too. Next: mend b.");
        assert_eq!(told, ["a is wrong.", "Next: mend a", "b is wrong too.", "Next: mend b"]);
        assert_eq!(sentences("all is well"), ["all is well"]);
    }

    #[test]
    fn ages_are_told_as_people_say_them() {
        let at = UnixMillis::from_seconds;
        let told: Vec<String> =
            [5, 119, 300, 7300, 200_000].into_iter().map(|later| span(at(later), at(0))).collect();
        assert_eq!(told, ["5s", "119s", "5m", "2h", "2d"]);
    }
}
