//! What is written down about each cluster, so that a later command finds it, whatever became of the one that made it.

use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::names::Hosts;
use crate::network::Addresses;
use crate::{network, paths};

/// The lowest number is 11: addresses below belong to the machine and to services beside the clusters.
const NUMBERS: std::ops::RangeInclusive<u8> = 11..=250;

/// One cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its name.
    pub name: String,
    /// What its addresses are derived from.
    pub number: u8,
    /// False while it is being made.
    pub complete: bool,
    /// Changes when any of its programs does.
    pub programs: String,
    /// None until it is started.
    pub machine: Option<Machine>,
    /// Names of services outside that its pods can resolve.
    pub hosts: Hosts,
}

impl Record {
    /// Takes the wanted number, or the lowest free one, and writes the record.
    pub(crate) fn create(name: &str, number: Option<u8>, programs: String, hosts: Hosts) -> Result<Self> {
        let _lock = network::hold()?;
        let taken: Vec<(u8, String)> =
            Self::all()?.into_iter().map(|record| (record.number, record.name)).collect();
        let holder = |number| taken.iter().find(|(other, _)| *other == number).map(|(_, name)| name);
        let number = match number {
            Some(number) => number,
            None => NUMBERS
                .into_iter()
                .find(|number| holder(*number).is_none())
                .context("240 clusters are running")?,
        };
        anyhow::ensure!(
            NUMBERS.contains(&number),
            "cluster '{name}': its number {number} is not within 11 and 250"
        );
        if let Some(other) = holder(number) {
            anyhow::bail!(
                "cluster '{name}' can't have number {number}: cluster '{other}' has it; take that one down first"
            );
        }
        let record = Self { name: name.to_owned(), number, complete: false, programs, machine: None, hosts };
        record.save()?;
        Ok(record)
    }

    /// The record of this cluster, if there is one.
    pub(crate) fn lookup(name: &str) -> Result<Option<Self>> {
        Ok(Self::all()?.into_iter().find(|record| record.name == name))
    }

    /// All of them, by name.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let Ok(folders) = fs::read_dir(paths::state().join("clusters")) else { return Ok(Vec::new()) };
        let mut records = Vec::new();
        for folder in folders.flatten() {
            let path = folder.path().join("cluster.json");
            if let Ok(text) = fs::read(&path) {
                records.push(
                    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?,
                );
            }
        }
        records.sort_by(|a: &Self, b: &Self| a.name.cmp(&b.name));
        Ok(records)
    }

    /// Writes it, whole or not at all.
    pub(crate) fn save(&self) -> Result<()> {
        let folder = paths::cluster(&self.name);
        fs::create_dir_all(folder.join("log")).with_context(|| format!("making {}", folder.display()))?;
        let (path, unfinished) = (folder.join("cluster.json"), folder.join("cluster.json.unfinished"));
        let text = serde_json::to_vec_pretty(self).context("writing down a cluster")?;
        fs::write(&unfinished, text).with_context(|| format!("writing {}", unfinished.display()))?;
        fs::rename(&unfinished, &path).with_context(|| format!("writing {}", path.display()))
    }

    /// Its addresses.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::of(self.number)
    }
}
