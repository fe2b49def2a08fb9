//! What goes with each alert: a page, tests, metrics that exist. The index of the pages is made from the table of alerts and their first lines;
//! `WICKR_WRITE=1` writes it anew. Whether they fire is for promtool to say (chart/promtool.rs).
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use wickr_chart::{Alert, chart, groups, repository};

const HEAD: &str = "# Runbooks

A page per alert of the chart: what it means, what people notice, what to look at, what to do, when it ends. In commands, NAMESPACE, NAME, POD and NETWORK are to be filled in from the alert's labels and from `kubectl get wickr -A`; the operator is taken to run in `wickr-system`. The list is made from `charts/wickr-operator/files/alerts.yaml` by `WICKR_WRITE=1 cargo test -p wickr-chart --test alerts`.

`critical`: people are affected, or will be within days. `warning`: look at it today.
";

const SECTIONS: [&str; 4] =
    ["## What people notice", "## What to look at", "## What to do", "## When it ends"];

fn alerts() -> Vec<Alert> {
    groups().unwrap().into_iter().flat_map(|group| group.alerts).collect()
}

fn runbooks() -> PathBuf {
    repository().join("docs/runbooks")
}

#[test]
fn every_alert_says_how_bad_it_is_what_it_means_and_where_its_page_is() {
    for alert in alerts() {
        let name = &alert.name;
        assert!(name.starts_with("Wickr"), "{name} could be anybody's");
        assert!(["critical", "warning"].contains(&alert.text("labels", "severity")), "{name}");
        for annotation in ["summary", "description"] {
            assert!(alert.text("annotations", annotation).ends_with('.'), "{name}: {annotation}");
        }
        assert_eq!(alert.text("annotations", "runbook"), format!("docs/runbooks/{name}.md"));
        let page = fs::read_to_string(runbooks().join(format!("{name}.md"))).unwrap_or_default();
        assert!(
            page.starts_with(&format!("# {name}\n\n")),
            "docs/runbooks/{name}.md is not there, or is another's"
        );
        for section in SECTIONS {
            assert!(page.contains(&format!("\n{section}\n\n")), "docs/runbooks/{name}.md lacks '{section}'");
        }
    }
}

#[test]
fn every_page_is_that_of_an_alert() {
    let known: BTreeSet<String> = alerts().iter().map(|alert| format!("{}.md", alert.name)).collect();
    let files = fs::read_dir(runbooks()).unwrap();
    let there: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(there, known);
}

#[test]
fn the_index_of_runbooks_is_made_from_the_alerts() {
    let mut page = HEAD.to_owned();
    for group in groups().unwrap() {
        write!(page, "\n## {}\n\n| alert | severity | told after | what |\n|---|---|---|---|\n", group.name)
            .unwrap();
        for alert in group.alerts {
            let text = fs::read_to_string(runbooks().join(format!("{}.md", alert.name))).unwrap_or_default();
            let what = text.lines().nth(2).unwrap_or_default();
            let after = if alert.lasts.is_empty() { "at once" } else { &alert.lasts };
            let severity = alert.text("labels", "severity");
            writeln!(page, "| [{0}]({0}.md) | {severity} | {after} | {what} |", alert.name).unwrap();
        }
    }
    let path = runbooks().join("README.md");
    if std::env::var_os("WICKR_WRITE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "stale: run 'WICKR_WRITE=1 cargo test -p wickr-chart --test alerts'");
}

#[test]
fn every_alert_has_a_test_in_which_it_is_silent_and_one_in_which_it_fires() {
    for group in groups().unwrap() {
        let file = format!("tests/alerts/{}.yaml", group.name.trim_start_matches("wickr-"));
        let text = fs::read_to_string(&file).unwrap();
        for alert in group.alerts {
            let asked = format!("count(ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})", alert.name);
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(&asked)).collect();
            for wanted in ["exp_samples: []", "value: 1}"] {
                let found = lines.iter().any(|line| line.contains(wanted));
                assert!(found, "{file} has no line about {} with '{wanted}'", alert.name);
            }
        }
    }
}

/// Every series that a program of ours has, from the reference that is made from what they declare.
fn declared() -> BTreeSet<String> {
    let page = fs::read_to_string(repository().join("docs/reference/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `wickr_"));
    let mut all = BTreeSet::new();
    for row in rows {
        let (name, rest) = row.split_once("` | ").unwrap();
        if rest.starts_with("histogram") {
            all.extend(["bucket", "sum", "count"].map(|part| format!("wickr_{name}_{part}")));
        } else {
            all.insert(format!("wickr_{name}"));
        }
    }
    all
}

fn used(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("wickr_")).map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboard_use_only_metrics_that_are_declared() {
    let declared = declared();
    let mut sources: BTreeMap<String, String> =
        alerts().into_iter().map(|alert| (alert.name, alert.expression)).collect();
    let dashboard = fs::read_to_string(chart().join("files/dashboard.json")).unwrap();
    assert!(used(&dashboard).len() > 10, "too few to be all: {:?}", used(&dashboard));
    sources.insert("the dashboard".to_owned(), dashboard);
    for (source, text) in sources {
        let unknown: Vec<String> = used(&text).difference(&declared).cloned().collect();
        assert!(
            unknown.is_empty(),
            "{source} uses {unknown:?}, which docs/reference/metrics.md doesn't have"
        );
    }
}
