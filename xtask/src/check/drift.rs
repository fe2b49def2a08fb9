//! Files in the tree that a generator of ours makes are what it makes. A new one is a new line in [`GENERATED`], or in
//! [`PROGRAMS`] when a program makes several.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::deps;
use crate::cargo::{cargo, pass, root};

/// A generated file, or a generated part of one that people write.
struct Generated {
    path: &'static str,
    /// The part's name. It stands between the lines `<!-- generated: NAME -->` and `<!-- end: NAME -->`.
    part: Option<&'static str>,
    text: fn() -> Result<String>,
}

const GENERATED: &[Generated] =
    &[Generated { path: "docs/architecture.md", part: Some("dependencies"), text: deps::table }];

/// Programs that write whole files below the folder that they are given: package and program.
const PROGRAMS: &[(&str, &str)] =
    &[("wickr-operator-core", "operator-generate"), ("wickr-cli", "wickr-reference")];

pub(super) fn run(write: bool) -> Result<()> {
    let mut stale = stale_files(write)?;
    for generated in GENERATED {
        let path = root()?.join(generated.path);
        let present = fs::read_to_string(&path).unwrap_or_default();
        let text = (generated.text)().with_context(|| format!("generating {}", generated.path))?;
        let wanted = match generated.part {
            None => text,
            Some(part) => replace(&present, part, &text).with_context(|| {
                format!(
                    "{} has no lines '<!-- generated: {part} -->' and '<!-- end: {part} -->'",
                    generated.path
                )
            })?,
        };
        if wanted == present {
            continue;
        }
        if write {
            fs::write(&path, wanted).with_context(|| format!("writing {}", path.display()))?;
        } else {
            stale.push(generated.path.to_owned());
        }
    }
    ensure!(
        stale.is_empty(),
        "not what their generators give: {}; run 'cargo xtask check drift --write'",
        stale.join(", ")
    );
    Ok(())
}

/// Paths of what the programs make otherwise than it is checked in.
fn stale_files(write: bool) -> Result<Vec<String>> {
    let mut stale = Vec::new();
    for (package, program) in PROGRAMS {
        let made = root()?.join("target/generated").join(program);
        // What an earlier run made may not be made any more.
        match fs::remove_dir_all(&made) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("emptying {}", made.display()));
            }
            _ => {}
        }
        let mut command = cargo(&["run", "--quiet", "--package", package, "--bin", program, "--"])?;
        command.arg(&made);
        pass(command)?;
        for file in files(&made)? {
            let path = file.strip_prefix(&made).context("a file outside its folder")?;
            let there = root()?.join(path);
            let wanted = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            if fs::read(&there).is_ok_and(|present| present == wanted) {
                continue;
            }
            if write {
                fs::create_dir_all(there.parent().context("a file without a folder")?)
                    .and_then(|()| fs::write(&there, wanted))
                    .with_context(|| format!("writing {}", there.display()))?;
            } else {
                stale.push(path.display().to_string());
            }
        }
    }
    Ok(stale)
}

/// Every file below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
        if path.is_dir() {
            all.extend(files(&path)?);
        } else {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}

fn replace(present: &str, part: &str, text: &str) -> Option<String> {
    let (start, end) = (format!("<!-- generated: {part} -->\n"), format!("<!-- end: {part} -->"));
    let (before, rest) = present.split_once(&start)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{start}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_the_marks_is_replaced() {
        let present = "a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n";
        let once = replace(present, "x", "new\n").unwrap();
        assert_eq!(once, "a\n<!-- generated: x -->\n\nnew\n\n<!-- end: x -->\nb\n");
        assert_eq!(replace(&once, "x", "new").unwrap(), once, "a second time changes nothing");
        assert_eq!(replace(present, "y", "new"), None);
    }
}
