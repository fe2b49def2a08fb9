//! Files that follow from the tables and types: definitions, the chart's RBAC, reference pages. Written and compared by
//! `cargo xtask check drift`.

mod crds;
mod operator_page;
mod rbac;
mod resources_page;
mod webhook;

/// A file that is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Where it lies in the repository.
    pub path: &'static str,
    /// Its whole content.
    pub text: String,
}

/// Why a file can't be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A definition has no YAML form.
    #[error("writing the definition of \"{kind}\" as YAML: {source}")]
    Yaml {
        /// The kind.
        kind: String,
        /// What the writer says.
        source: serde_yaml::Error,
    },
    /// A definition has no JSON form.
    #[error("writing the definition of \"{kind}\" as JSON: {source}")]
    Json {
        /// The kind.
        kind: String,
        /// What the writer says.
        source: serde_json::Error,
    },
}

/// Every generated file.
pub fn files() -> Result<Vec<GeneratedFile>, GenerateError> {
    let mut files = crds::files()?;
    files.push(GeneratedFile { path: "charts/wickr-operator/templates/rbac.yaml", text: rbac::template() });
    files.push(GeneratedFile {
        path: "charts/wickr-operator/templates/webhook.yaml",
        text: webhook::template(),
    });
    files.push(GeneratedFile { path: "docs/reference/resources.md", text: resources_page::page() });
    files.push(GeneratedFile { path: "docs/reference/operator.md", text: operator_page::page() });
    Ok(files)
}
