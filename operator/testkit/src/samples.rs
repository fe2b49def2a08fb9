//! The files of `manifests/`: the same ones that docs show and that the level-3 test applies to a real API server.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that can't read its fixtures must stop")]

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value;

/// A file of `manifests/samples`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its name without `.accepted.yaml` or `.refused.yaml`.
    pub name: String,
    /// For a refused one: what the refusal of its last document must contain.
    pub refused: Option<String>,
    /// Its documents, applied in this order. A later one of the same name changes an earlier one.
    pub documents: Vec<Value>,
}

impl Sample {
    /// The last document: what is there in the end, or what is refused.
    pub fn last(&self) -> &Value {
        self.documents.last().expect("a sample has a document")
    }
}

/// Every sample, in the order of the file names.
pub fn samples() -> Vec<Sample> {
    let folder = manifests().join("samples");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("reading {}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder's entry can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files.iter().map(|path| sample(path)).collect()
}

/// The documents of a file of `manifests/demo`.
pub fn demo(file: &str) -> Vec<Value> {
    documents(&read(&manifests().join("demo").join(file)))
}

fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}

fn sample(path: &Path) -> Sample {
    let file = path.file_name().and_then(|name| name.to_str()).expect("a sample's name is text");
    let text = read(path);
    let first = text.lines().next().unwrap_or_default();
    let (name, refused) = match (file.strip_suffix(".accepted.yaml"), file.strip_suffix(".refused.yaml")) {
        (Some(name), _) => (name, None),
        (_, Some(name)) => {
            let why = first.strip_prefix("# refused: ");
            (name, Some(why.unwrap_or_else(|| panic!("{file} begins with \"# refused: \"")).to_owned()))
        }
        _ => panic!("{file} ends in .accepted.yaml or .refused.yaml"),
    };
    Sample { name: name.to_owned(), refused, documents: documents(&text) }
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).expect("a manifest is YAML"))
        .collect()
}
