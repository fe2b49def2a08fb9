//! Release builds of the services. Their bytes tell neither where nor when they were built: every folder is named as in
//! [`Tree::names`], the version is the commit's, and nothing of the caller's flags goes in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use wickr_steps::command::run;

use crate::SERVICES;

/// A source tree and the folders that its build uses.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The repository's top folder.
    pub source: PathBuf,
    /// Where cargo keeps the crates that it downloads.
    pub cargo_home: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
}

/// What a build is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// As git has it; with `-dirty` where files differ from it, `unknown` outside a clone.
    pub id: String,
    /// `SOURCE_DATE_EPOCH`, or when the commit was made.
    pub time: Timestamp,
}

impl Tree {
    /// The tree that this program was built from, built as its owner builds.
    pub fn here() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = here.ancestors().nth(2).context("no folder above the package")?.to_owned();
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let cargo_home = folder("CARGO_HOME").or_else(|| Some(std::env::home_dir()?.join(".cargo")));
        let target =
            folder("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), |target| source.join(target));
        Ok(Self { cargo_home: cargo_home.context("neither CARGO_HOME nor HOME is set")?, target, source })
    }

    /// Builds what is not up to date. Gives the folder of the programs.
    pub fn build(&self) -> Result<PathBuf> {
        // Exactly these in one call: other packages would choose features for them.
        let chosen = SERVICES.iter().flat_map(|service| ["--package", service.name, "--bin", service.name]);
        let status = self
            .cargo(&["build", "--quiet", "--release", "--locked"])?
            .args(chosen)
            .status()
            .context("starting cargo")?;
        if !status.success() {
            bail!("building the services failed: 'cargo build --release' shows why");
        }
        Ok(self.target.join("release"))
    }

    /// What is built.
    pub fn commit(&self) -> Result<Commit> {
        let git = |arguments: &[&str]| run(Command::new("git").args(arguments).current_dir(&self.source));
        let id = match git(&["rev-parse", "HEAD"]) {
            Ok(id) if git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() => {
                id.trim().to_owned()
            }
            Ok(id) => format!("{}-dirty", id.trim()),
            Err(_) => "unknown".to_owned(),
        };
        let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(seconds) => seconds,
            Err(_) if id == "unknown" => "0".to_owned(),
            Err(_) => git(&["log", "-1", "--format=%ct"])?,
        };
        let time = seconds.trim().parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.with_context(|| {
            format!("SOURCE_DATE_EPOCH is \"{}\": it must be seconds since 1970", seconds.trim())
        })?;
        Ok(Commit { id, time })
    }

    /// The compiler's name, version and commit.
    pub(crate) fn compiler(&self) -> Result<String> {
        run(Command::new("rustc").arg("-V").current_dir(&self.source))
    }

    /// cargo in this tree, as all its release builds are made.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<Command> {
        let names = self.names()?;
        let rust: Vec<String> =
            names.iter().map(|(folder, name)| format!("--remap-path-prefix={folder}={name}")).collect();
        let c: Vec<String> =
            names.iter().map(|(folder, name)| format!("-ffile-prefix-map={folder}={name}")).collect();
        let mut cargo = self.plain_cargo(arguments);
        cargo
            .env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f"))
            .env("CFLAGS", c.join(" "))
            .env("CARGO_INCREMENTAL", "0")
            .env("WICKR_COMMIT", self.commit()?.id);
        Ok(cargo)
    }

    /// cargo in this tree, for asking.
    pub(crate) fn plain_cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(arguments)
            .current_dir(&self.source)
            .env("CARGO_HOME", &self.cargo_home)
            .env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// Each folder that could stand in a program, and its name there. Where several fit, the last does.
    fn names(&self) -> Result<Vec<(String, String)>> {
        let rustc = |arguments: &[&str]| run(Command::new("rustc").args(arguments).current_dir(&self.source));
        let version = rustc(&["-vV"])?;
        let hash = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("rust");
        // Where the standard library's source is installed, rustc names its folder instead of its own.
        let library = Path::new(rustc(&["--print", "sysroot"])?.trim()).join("lib/rustlib/src/rust");
        let named = [
            (&self.source, "/wickr".to_owned()),
            (&self.target, "/wickr/target".to_owned()),
            (&self.cargo_home, "/cargo".to_owned()),
            (&library, format!("/rustc/{hash}")),
        ];
        named
            .into_iter()
            .map(|(folder, name)| {
                let folder = folder.to_str().with_context(|| format!("{} is not UTF-8", folder.display()))?;
                if folder.contains(char::is_whitespace) {
                    bail!("'{folder}' has a space in it, which compilers' flags can't have: move it, or set CARGO_HOME or CARGO_TARGET_DIR");
                }
                Ok((folder.to_owned(), name))
            })
            .collect()
    }
}
