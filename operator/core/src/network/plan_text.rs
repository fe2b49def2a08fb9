//! A plan as a person reads it: `kubectl wickr plan`.

use std::fmt::Write as _;

use super::plan::{FinalizerChange, Plan};

/// The plan, one line per step.
pub fn plan_text(plan: &Plan) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    if let Some(change) = plan.finalizer {
        line(match change {
            FinalizerChange::Add => "add finalizer: data goes with the network".to_owned(),
            FinalizerChange::Remove => "remove finalizer: data stays".to_owned(),
        });
    }
    for key in &plan.issue {
        let verb = if key.is_renewal() { "renew" } else { "make" };
        line(format!("{verb} key {} ({})", key.key.name, key.because));
    }
    plan.rotate.iter().for_each(|put| line(put.to_string()));
    if let Some(sign) = &plan.sign {
        line(format!("sign network document {} ({})", sign.payload.number, sign.because));
    }
    plan.put.iter().for_each(|put| line(put.to_string()));
    plan.prune.iter().for_each(|target| line(format!("delete {target} (not wanted any more)")));
    for push in &plan.push {
        line(format!("send network document {} to {}", push.number, push.pod));
    }
    for hold in &plan.holds {
        line(format!("hold {}: {hold}", hold.reason.as_str()));
    }
    if out.is_empty() {
        let _ = writeln!(out, "nothing to do");
    }
    out
}
