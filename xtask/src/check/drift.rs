//! Files in the tree that a generator of ours makes are what it makes. A new one is a new line in [`GENERATED`].

use std::fs;

use anyhow::{Context, Result, ensure};

use super::deps;
use crate::cargo::root;

/// A generated file, or a generated part of one that people write.
struct Generated {
    path: &'static str,
    /// The part's name. It stands between the lines `<!-- generated: NAME -->` and `<!-- end: NAME -->`.
    part: Option<&'static str>,
    text: fn() -> Result<String>,
}

const GENERATED: &[Generated] =
    &[Generated { path: "docs/architecture.md", part: Some("dependencies"), text: deps::table }];

pub(super) fn run(write: bool) -> Result<()> {
    let mut stale = Vec::new();
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
            stale.push(generated.path);
        }
    }
    ensure!(
        stale.is_empty(),
        "not what their generators give: {}; run 'cargo xtask check drift --write'",
        stale.join(", ")
    );
    Ok(())
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
