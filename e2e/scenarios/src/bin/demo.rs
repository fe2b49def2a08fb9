//! The whole story on one cluster, for people: `cargo xtask demo` builds and starts it.
#![expect(
    clippy::print_stdout,
    reason = "what was proven goes to standard output, progress to standard error"
)]
#![expect(clippy::disallowed_methods, reason = "tells a person how long it really took")]

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use wickr_cluster::progress::{say, step};
use wickr_scenarios::ground::Existing;
use wickr_scenarios::story::Cast;
use wickr_scenarios::suite::{NETWORK, Suite};

/// The cluster's name.
const NAME: &str = "demo";

/// Bring up a network on a cluster of its own and show that it keeps its promises.
#[derive(Parser)]
#[command(name = "cargo xtask demo")]
struct Arguments {
    /// Remove the cluster, the identity provider and the people's profiles.
    #[arg(long)]
    down: bool,
    #[command(flatten)]
    existing: Existing,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            say(
                "All is left as it is, to look at: `cargo xtask cluster list`. The same command with --down removes it.",
            );
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a second cryptography provider is installed"))?;
    let given = arguments.existing.ground()?;
    if arguments.down {
        return step("demo removed", || given.as_ref().map_or_else(|| Suite::down(NAME), Suite::down_from));
    }
    let began = Instant::now();
    let suite = given.as_ref().map_or_else(|| Suite::up(NAME), Suite::up_on)?;
    let mut proven: Vec<(&str, String)> = Vec::new();
    let applied = Instant::now();
    step("manifests/demo applied", || suite.apply_demo())?;
    step("network and provider Ready", || suite.until_ready())?;
    proven.push(("from apply to Ready", format!("{:.1} s", applied.elapsed().as_secs_f64())));

    let mut cast = step("alice and bob sign in at Keycloak and meet in a room", || Cast::meet(&suite))?;
    proven.push(("signed in by device grant", format!("{} and {}", cast.alice.name, cast.bob.name)));
    proven.push(("messages both ways", step("messages both ways", || cast.talk_both_ways())?));
    proven.push((
        "nothing lost in a crash",
        step("relay killed between two messages", || cast.lose_the_relay())?,
    ));
    proven.push((
        "servers can't read",
        step("searching volume and decrypted frames", || cast.search_what_the_relay_saw())?,
    ));
    proven.push(("metrics", step("a real Prometheus scrapes", || cast.scrape())?));

    println!("\nProven in {:.0} s:\n", began.elapsed().as_secs_f64());
    for (what, how) in &proven {
        println!("  {what:<26} {how}");
    }
    println!("\nGo on with:\n");
    let ground = suite.kubernetes.ground();
    println!("  export KUBECONFIG={}", ground.kubeconfig().display());
    let kubectl = ground.kubectl();
    println!("  alias kubectl={}", kubectl.get_program().to_string_lossy());
    println!("  kubectl -n {} get wickr", NETWORK.namespace);
    println!(
        "  {} status {} -n {}",
        suite.programs.path("kubectl-wickr").display(),
        NETWORK.name,
        NETWORK.namespace
    );
    for command in cast.commands() {
        println!("  {command}");
    }
    println!("\nTo sign in yourself, alice's password is alice-demo-password, bob's bob-demo-password.");
    if let Some(line) = suite.hosts_line() {
        println!("For a browser, as root:\n\n  echo '{line}' >> /etc/hosts");
    }
    println!("\nAt the end the same command with --down removes all of it.");
    std::io::Write::flush(&mut std::io::stdout()).context("flushing")
}
