//! The services' two images: the program in each, and how large it may become (docs/images.md).

use std::collections::BTreeMap;
use std::path::Path;

use crate::image::{Base, Entry, Image, USER};
use crate::release::Commit;

/// A program that runs in the cluster, and its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Package, program and image have one name.
    pub name: &'static str,
    description: &'static str,
    /// In bytes: all that a node downloads.
    pub limit: usize,
}

/// All of them.
pub const SERVICES: [Service; 2] = [
    Service {
        name: "wickr-operator",
        description: "Reconciles networks and identity providers",
        limit: 30_000_000,
    },
    Service { name: "wickr-server", description: "Relay and sign-in of a network", limit: 60_000_000 },
];

impl Service {
    /// Where its program is in the image. `kubectl exec` finds it by its name.
    pub fn inside(&self) -> String {
        format!("/usr/local/bin/{}", self.name)
    }

    /// Its image, of a release program. `name` is the reference that is asked for, and no part of the digest.
    pub fn image(&self, name: &str, base: Base, program: &Path, commit: &Commit) -> Image {
        let labels = BTreeMap::from(
            [
                ("title", self.name),
                ("description", self.description),
                ("version", env!("CARGO_PKG_VERSION")),
                ("revision", commit.id.as_str()),
                ("licenses", "Apache-2.0"),
            ]
            .map(|(label, value)| (format!("org.opencontainers.image.{label}"), value.to_owned())),
        );
        Image {
            name: name.to_owned(),
            base,
            entries: vec![
                Entry::folder("/usr/local", 0o755),
                Entry::folder("/usr/local/bin", 0o755),
                Entry::program(&self.inside(), program),
            ],
            entrypoint: vec![self.inside()],
            user: USER,
            labels,
            created: commit.time,
        }
    }
}
