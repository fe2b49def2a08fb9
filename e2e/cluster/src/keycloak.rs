//! Keycloak as the organisation's identity provider: under its own name, with a certificate of a CA of its own, and a
//! realm from a file. What is slow about it, unpacking, its build and the realm's import, happens once.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::run;
use crate::https::Client;
use crate::network::HOST;
use crate::pki::Authority;
use crate::service::{Service, copy_files};
use crate::{digest, lock, paths, prerequisites, progress, wait};

const VERSION: &str = "26.4.5";

/// What its realm's administrator is called, and the password: for tests that rotate keys or lock users.
pub const ADMINISTRATOR: (&str, &str) = ("admin", "admin");

/// An identity provider at `https://NAME:PORT`, listening on the clusters' bridge.
#[derive(Debug)]
pub struct Keycloak {
    service: Service,
    name: String,
    address: SocketAddr,
    realm: String,
    /// How many seconds its clock is ahead of the machine's.
    ahead: i64,
}

impl Keycloak {
    /// Starts it under a DNS name on the clusters' bridge, or finds it running. `realm` is an export of one realm. It lives on after us;
    /// `Service::down(NAME)` removes it.
    pub fn up(name: &str, port: u16, realm: &Path) -> Result<Self> {
        Self::up_at(name, (HOST, port).into(), realm)
    }

    /// The same at an address of this machine. The name may be that address.
    pub fn up_at(name: &str, address: SocketAddr, realm: &Path) -> Result<Self> {
        prerequisites::java()?;
        let text = fs::read_to_string(realm).with_context(|| format!("reading {}", realm.display()))?;
        let export: Value =
            serde_json::from_str(&text).with_context(|| format!("reading {}", realm.display()))?;
        let realm = export["realm"]
            .as_str()
            .with_context(|| format!("{} names no realm", realm.display()))?
            .to_owned();
        let service = Service::lookup_or_create(name)?;
        let mut keycloak = Self { service, name: name.to_owned(), address, realm, ahead: 0 };
        if keycloak.service.process().is_none() {
            keycloak.furnish(&text)?;
            keycloak.start()?;
        }
        if let Err(error) = keycloak.wait_ready() {
            // Nobody would find it again under a handle.
            keycloak.service.stop()?;
            return Err(error);
        }
        Ok(keycloak)
    }

    /// Makes it end when this is dropped or we end, however that happens.
    pub fn tied(mut self) -> Result<Self> {
        self.service.tie()?;
        Ok(self)
    }

    /// Ends its process; its keys, its data and its certificate stay for [`Keycloak::start_again`].
    pub fn stop(&mut self) -> Result<()> {
        self.service.stop()
    }

    /// Starts it again as it was and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        self.start()?;
        self.wait_ready()
    }

    /// The same with a wall clock that is so many seconds ahead of the machine's, by libfaketime; its monotonic clock is
    /// the machine's.
    pub fn start_again_ahead(&mut self, seconds: i64) -> Result<()> {
        self.ahead = seconds;
        self.start_again()
    }

    /// The CA to trust.
    pub fn ca(&self) -> PathBuf {
        self.service.folder().join("pki/ca.crt")
    }

    /// What tokens name as their issuer.
    pub fn issuer(&self) -> String {
        format!("https://{}:{}/realms/{}", self.name, self.address.port(), self.realm)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it prints.
    pub fn log(&self) -> PathBuf {
        self.service.log()
    }

    /// A home of its own around the shared program: certificates, and a database that has the realm already.
    fn furnish(&self, realm: &str) -> Result<()> {
        let (folder, program) = (self.service.folder(), program()?);
        let seed = seed(&program, &self.realm, realm)?;
        let home = folder.join("home");
        let _ = fs::remove_dir_all(&home);
        furnish_home(&program, &home)?;
        copy_files(&seed, &home.join("data/h2"))?;
        Authority::new(&folder.join("pki"), &format!("CA of {}", self.name))?
            .issue("server", &self.name, None, &[&self.name])
            .map(drop)
    }

    fn start(&mut self) -> Result<()> {
        let folder = self.service.folder();
        let mut command = kc(&folder.join("home"));
        command.args(["start", "--optimized", "--cache=local"]);
        command.arg(format!("--hostname=https://{}:{}", self.name, self.address.port()));
        command.arg(format!("--http-host={}", self.address.ip()));
        command.arg(format!("--https-port={}", self.address.port()));
        command.arg(format!("--https-certificate-file={}", folder.join("pki/server.crt").display()));
        command.arg(format!("--https-certificate-key-file={}", folder.join("pki/server.key").display()));
        if self.ahead != 0 {
            let library = prerequisites::faketime()?;
            command.env("LD_PRELOAD", library).env("FAKETIME", format!("{:+}", self.ahead));
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            // Else, with this glibc, each timed wait of a JVM ends at once: it spins and takes minutes to start.
            command.env("FAKETIME_FORCE_MONOTONIC_FIX", "0");
        }
        self.service.start(command).map(drop)
    }

    fn wait_ready(&self) -> Result<()> {
        let client = Client::trusting(&self.ca())?;
        let path = format!("/realms/{}/.well-known/openid-configuration", self.realm);
        let log = self.log();
        wait::until(
            &format!("Keycloak to answer; its log is {}", log.display()),
            Duration::from_mins(2),
            || {
                anyhow::ensure!(
                    self.service.process().is_some(),
                    "Keycloak ended; its log is {}",
                    log.display()
                );
                Ok(client
                    .get(self.address(), &self.name, &path)
                    .is_ok_and(|(status, _)| status == 200)
                    .then_some(()))
            },
        )
    }
}

/// The unpacked and built program, in the cache.
fn program() -> Result<PathBuf> {
    let cache = paths::cache()?;
    let done = cache.join(format!("keycloak-{VERSION}"));
    let _lock = lock::hold(&cache.join("locks/keycloak"))?;
    if !done.exists() {
        progress::once(&format!("Keycloak {VERSION}"), "download and build, about a minute", || {
            let work = cache.join("keycloak.unfinished");
            let _ = fs::remove_dir_all(&work);
            fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
            let mut maven = Command::new("mvn");
            maven.args(["--quiet", "--batch-mode", "dependency:unpack"]).current_dir(&work);
            maven.arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"));
            run(maven.arg(format!("-DoutputDirectory={}", work.display())))?;
            let unpacked = work.join(format!("keycloak-{VERSION}"));
            run(kc(&unpacked).args(["build", "--db=dev-file"]))?;
            fs::rename(&unpacked, &done).with_context(|| format!("moving to {}", done.display()))?;
            fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
        })?;
    }
    Ok(done)
}

/// A database that holds this realm, in the cache.
fn seed(program: &Path, name: &str, realm: &str) -> Result<PathBuf> {
    let cache = paths::cache()?;
    let done = cache.join(format!("keycloak-{VERSION}-realm-{}", digest::short(realm.as_bytes())));
    let _lock = lock::hold(&cache.join("locks/keycloak"))?;
    if !done.exists() {
        progress::once(&format!("Keycloak's realm {name}"), "import into a database, about 20 s", || {
            let home = cache.join("keycloak-realm.unfinished");
            let _ = fs::remove_dir_all(&home);
            furnish_home(program, &home)?;
            let export = home.join("realm.json");
            fs::write(&export, realm).with_context(|| format!("writing {}", export.display()))?;
            run(kc(&home).args(["import", "--optimized", "--file"]).arg(&export))?;
            fs::rename(home.join("data/h2"), &done)
                .with_context(|| format!("moving to {}", done.display()))?;
            fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))
        })?;
    }
    Ok(done)
}

/// A folder that Keycloak takes for where it is installed, with data of its own. Its script follows links, so the script
/// alone is copied.
fn furnish_home(program: &Path, home: &Path) -> Result<()> {
    fs::create_dir_all(home.join("bin")).with_context(|| format!("making {}", home.display()))?;
    fs::copy(program.join("bin/kc.sh"), home.join("bin/kc.sh")).context("copying kc.sh")?;
    for part in ["lib", "conf", "providers", "themes", "version.txt"] {
        symlink(program.join(part), home.join(part)).with_context(|| format!("linking Keycloak's {part}"))?;
    }
    Ok(())
}

/// Its script, with a bounded heap and the compiler that starts fast.
fn kc(home: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg(home.join("bin/kc.sh"));
    command.env("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx384m -XX:TieredStopAtLevel=1");
    command
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMINISTRATOR.0)
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", ADMINISTRATOR.1);
    command
}
