//! Proofs that were seen: each counts once (RFC 9449 section 11.1). Checked before: `proof`.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;

/// Why a proof isn't taken although it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("the DPoP proof was used before; make a new one for each request")]
    Seen,
    #[error("too many requests are being proven at this moment; try again shortly")]
    Full,
}

/// Remembers ids for as long as their proofs could be taken, at most so many. When it is full, new proofs are
/// refused: forgetting old ones would let them be used again.
#[derive(Debug)]
pub(crate) struct Replay {
    keep: Duration,
    most: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    ids: HashSet<[u8; 32]>,
    order: VecDeque<(Duration, [u8; 32])>,
}

impl Replay {
    pub(crate) fn new(keep: Duration, most: usize) -> Self {
        Self { keep, most, seen: Mutex::default() }
    }

    /// Remembers the proof `jti` of the key with that thumbprint; `elapsed` is the monotonic clock.
    pub(crate) fn remember(&self, thumbprint: &str, jti: &str, elapsed: Duration) -> Result<(), ReplayError> {
        let id = id(thumbprint, jti);
        let mut seen = self.seen.lock();
        while let Some((until, old)) = seen.order.front().copied() {
            if until > elapsed {
                break;
            }
            seen.order.pop_front();
            seen.ids.remove(&old);
        }
        if seen.ids.contains(&id) {
            return Err(ReplayError::Seen);
        }
        if seen.ids.len() >= self.most {
            return Err(ReplayError::Full);
        }
        seen.ids.insert(id);
        seen.order.push_back((elapsed.saturating_add(self.keep), id));
        Ok(())
    }
}

#[cfg(test)]
impl Replay {
    pub(crate) fn remembered(&self) -> usize {
        self.seen.lock().ids.len()
    }
}

fn id(thumbprint: &str, jti: &str) -> [u8; 32] {
    let mut out = [0; 32];
    // A thumbprint has a fixed length, so the two can't run into each other.
    out.copy_from_slice(digest(&SHA256, format!("{thumbprint}.{jti}").as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_mins(2);

    #[test]
    fn a_proof_counts_once_for_as_long_as_it_could_be_taken() {
        let replay = Replay::new(KEEP, 10);
        assert_eq!(replay.remember("key", "a", Duration::ZERO), Ok(()));
        let last_moment = KEEP.saturating_sub(Duration::from_millis(1));
        assert_eq!(replay.remember("key", "a", last_moment), Err(ReplayError::Seen));
        assert_eq!(replay.remember("other", "a", Duration::ZERO), Ok(()), "another key's id");
        assert_eq!(replay.remember("key", "a", KEEP), Ok(()), "too old by then to be taken at all");
    }

    #[test]
    fn when_full_new_proofs_are_refused_and_none_is_forgotten_early() {
        let replay = Replay::new(KEEP, 2);
        for jti in ["a", "b"] {
            assert_eq!(replay.remember("key", jti, Duration::ZERO), Ok(()));
        }
        assert_eq!(replay.remember("key", "c", Duration::from_secs(1)), Err(ReplayError::Full));
        assert_eq!(replay.remember("key", "a", Duration::from_secs(1)), Err(ReplayError::Seen));
        assert_eq!(replay.remember("key", "c", KEEP), Ok(()), "the first two have ended");
    }
}
