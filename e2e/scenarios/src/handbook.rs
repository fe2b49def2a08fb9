//! A page of docs/ as somebody follows it: its commands are typed as they are printed, its manifests saved under the
//! names that stand in their first lines.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::kubernetes::Kubernetes;
use crate::samples::repository;

/// One page, and a folder to type its commands in.
pub struct Handbook<'a> {
    page: Page,
    kubernetes: &'a Kubernetes,
    folder: &'a Path,
}

/// What a page says to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    /// By heading: the commands of each block.
    commands: BTreeMap<String, Vec<Vec<String>>>,
    /// Name and text of each file.
    files: Vec<(String, String)>,
}

impl<'a> Handbook<'a> {
    /// Opens a page of docs/ and saves its files into `folder`, with `image` where the page leaves one to be put in.
    pub fn open(page: &str, kubernetes: &'a Kubernetes, folder: &'a Path, image: &str) -> Result<Self> {
        let path = repository().join("docs").join(page);
        let page = read(&fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?);
        for (name, text) in &page.files {
            let text = text.replace("image: IMAGE", &format!("image: {image}"));
            fs::write(folder.join(name), text).with_context(|| format!("saving {name}"))?;
        }
        Ok(Self { page, kubernetes, folder })
    }

    /// Types the commands of one block below a heading; gives what they printed. The first that fails ends it.
    pub fn follow(&self, heading: &str, block: usize) -> Result<String> {
        let commands = self.page.commands.get(heading).and_then(|blocks| blocks.get(block));
        let commands = commands.with_context(|| format!("\"{heading}\" has no commands number {block}"))?;
        let mut printed = String::new();
        for command in commands {
            printed += &self.kubernetes.shell(command, self.folder).with_context(|| command.clone())?;
        }
        if commands.is_empty() {
            bail!("block {block} of \"{heading}\" has no commands");
        }
        Ok(printed)
    }
}

fn read(text: &str) -> Page {
    let mut page = Page::default();
    let (mut heading, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut heading);
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let name = block.first().and_then(|first| first.strip_prefix("# "));
        match (language, name) {
            ("console", _) => {
                let typed = block.iter().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned);
                page.commands.entry(heading.clone()).or_default().push(typed.collect());
            }
            (_, Some(name)) => page.files.push((name.to_owned(), block.join("\n"))),
            _ => {}
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_under_their_heading_and_files_under_their_names() {
        let page = read(
            "# Page\n## One\n```console\n$ kubectl get pods\nno pods\n$ date\n```\n## Two\n```yaml\n# pod.yaml\nkind: Pod\n```\n",
        );
        let commands = vec![vec!["kubectl get pods".to_owned(), "date".to_owned()]];
        assert_eq!(page.commands, [("One".to_owned(), commands)].into());
        assert_eq!(page.files, [("pod.yaml".to_owned(), "# pod.yaml\nkind: Pod".to_owned())]);
    }
}
