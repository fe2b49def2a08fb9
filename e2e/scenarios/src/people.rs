//! People with the `wickr` client: each with a profile of their own, as they would have on their own machine.

use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One person at one device.
#[derive(Clone, Debug)]
pub struct Person {
    /// Name at the identity provider.
    pub name: String,
    program: PathBuf,
    profile: PathBuf,
    resolve: Vec<String>,
}

/// `wickr login` waiting for the person to finish in a browser.
pub struct SigningIn {
    /// Where the browser has to go.
    pub url: String,
    process: Child,
    lines: BufReader<ChildStdout>,
}

/// `wickr read --follow`; ended on drop.
pub struct Following {
    process: Child,
    lines: Receiver<String>,
}

impl Person {
    /// With an empty profile below `home`.
    pub fn new(name: &str, program: &Path, home: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            profile: home.join(name),
            resolve: Vec::new(),
        }
    }

    /// The folder with everything that the client keeps.
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    /// Finds `host` at `address` instead of asking the DNS.
    pub fn finds(&mut self, host: &str, address: IpAddr) {
        self.resolve.retain(|entry| !entry.starts_with(&format!("{host}:")));
        self.resolve.push(format!("{host}:{address}"));
    }

    /// The client, waiting for a command.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--profile").arg(&self.profile);
        for entry in &self.resolve {
            command.args(["--resolve", entry]);
        }
        command.stdin(Stdio::null());
        command
    }

    /// The command as a person types it.
    pub fn line(&self) -> String {
        let mut words = vec![
            self.program.display().to_string(),
            "--profile".to_owned(),
            self.profile.display().to_string(),
        ];
        words.extend(self.resolve.iter().flat_map(|entry| ["--resolve".to_owned(), entry.clone()]));
        words.join(" ")
    }

    /// Runs a command and gives what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self
            .command()
            .args(arguments)
            .output()
            .with_context(|| format!("starting wickr {arguments:?}"))?;
        if !output.status.success() {
            bail!(
                "wickr {} of {}: {}",
                arguments.join(" "),
                self.name,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command with `--json` and reads each line that it printed.
    pub fn json(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let text = self.run(&[arguments, &["--json"]].concat())?;
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                serde_json::from_str(line).with_context(|| format!("wickr {arguments:?} printed \"{line}\""))
            })
            .collect()
    }

    /// Starts signing in and waits until the client says where the browser has to go.
    pub fn login(&self, join: &str) -> Result<SigningIn> {
        let mut process = self
            .command()
            .args(["login", join, "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting wickr login")?;
        let mut lines = BufReader::new(process.stdout.take().context("no standard output")?);
        let mut line = String::new();
        lines.read_line(&mut line).context("reading wickr login")?;
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(url) = said["verification_uri_complete"].as_str() else {
            let _ended = process.kill();
            let output = process.wait_with_output().context("waiting for wickr login")?;
            bail!(
                "wickr login of {} didn't say where to go: {line}{}",
                self.name,
                String::from_utf8_lossy(&output.stderr)
            );
        };
        Ok(SigningIn { url: url.to_owned(), process, lines })
    }

    /// Follows what arrives from now on, in all rooms.
    pub fn follow(&self) -> Result<Following> {
        let mut process = self
            .command()
            .args(["read", "--follow", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting wickr read --follow")?;
        let output = BufReader::new(process.stdout.take().context("no standard output")?);
        let (say, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Ok(Following { process, lines })
    }
}

impl SigningIn {
    /// Waits until the client has its device certificate; gives its last line.
    pub fn finish(mut self) -> Result<Value> {
        let mut last = Value::Null;
        let mut line = String::new();
        while self.lines.read_line(&mut line).context("reading wickr login")? > 0 {
            last = serde_json::from_str(&line).with_context(|| format!("wickr login printed \"{line}\""))?;
            line.clear();
        }
        let output = self.process.wait_with_output().context("waiting for wickr login")?;
        if !output.status.success() {
            bail!("wickr login failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(last)
    }
}

impl Following {
    /// Waits for a message with this text; gives its line.
    pub fn until_text(&self, text: &str, limit: Duration) -> Result<Value> {
        self.until(&format!("\"{text}\""), limit, |message| message["text"] == text)
    }

    /// Waits for a message that fits; those before it are dropped.
    pub fn until(&self, what: &str, limit: Duration, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut heard = 0;
        loop {
            match self.lines.recv_timeout(limit) {
                Ok(line) => {
                    let message: Value = serde_json::from_str(&line)
                        .with_context(|| format!("wickr read printed \"{line}\""))?;
                    if fits(&message) {
                        return Ok(message);
                    }
                    heard += 1;
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{what} didn't arrive within {} s; {heard} others did", limit.as_secs())
                }
                Err(RecvTimeoutError::Disconnected) => bail!("wickr read ended before {what} arrived"),
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}
