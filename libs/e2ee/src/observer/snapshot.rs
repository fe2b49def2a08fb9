//! Observers to bytes and back. The tree is kept apart, because joiners fetch it as it is.

use aws_lc_rs::digest::{SHA256, digest};
use mls_rs::external_client::ExternalSnapshot;
use mls_rs::group::ExportedTree;
use mls_rs_codec::MlsDecode;

use super::hub::Hub;
use super::state::Observer;
use crate::{E2eeError, extensions};

const VERSION: u8 = 1;

impl Observer {
    /// Everything but the tree, pending removals included: about 0.7 kB and 310 bytes per member. No secrets.
    ///
    /// It names the tree it belongs to by hash; store both in one batch.
    pub fn snapshot(&self) -> Result<Vec<u8>, E2eeError> {
        let tree = self.tree()?;
        let body = self.group.clone().snapshot_without_ratchet_tree().to_bytes();
        let body = body.map_err(E2eeError::mls("writing a snapshot"))?;
        let mut out = Vec::with_capacity(1 + 32 + body.len());
        out.push(VERSION);
        out.extend_from_slice(digest(&SHA256, &tree).as_ref());
        out.extend_from_slice(&body);
        Ok(out)
    }
}

impl Hub {
    /// Brings back an observer from its snapshot and the tree of the same epoch.
    ///
    /// Nothing is judged again, what is in the store was judged when it entered: a room whose external sender is no
    /// longer the network's hub is still followed, only `propose_remove` fails in it.
    pub fn restore(&self, snapshot: &[u8], tree: &[u8]) -> Result<Observer, E2eeError> {
        let damaged = |why: &str| E2eeError::Damaged { what: format!("the snapshot of a room ({why})") };
        let (head, body) = snapshot.split_at_checked(33).ok_or_else(|| damaged("it is too short"))?;
        if head[0] != VERSION {
            return Err(damaged("it is of another version"));
        }
        if digest(&SHA256, tree).as_ref() != &head[1..] {
            return Err(damaged("the tree is not the one it was taken with"));
        }
        let step = "reading a snapshot";
        let snapshot = ExternalSnapshot::from_bytes(body).map_err(E2eeError::mls(step))?;
        let tree =
            ExportedTree::mls_decode_exhaustive(tree).map_err(|_| damaged("the tree can't be read"))?;
        let group = self.client.load_group_with_ratchet_tree(snapshot, tree).map_err(E2eeError::mls(step))?;
        let rules = extensions::rules_of(group.group_context().extensions());
        let rules = rules.map_err(|breach| damaged(&breach.to_string()))?;
        Observer::new(self.clone(), group, rules).map_err(|why| damaged(&why))
    }
}
