//! Randomness as a parameter: the system's for keys and ids, a seeded one for tests.

use std::fmt;

use parking_lot::Mutex;
use uuid::{Builder, Uuid};

/// Where random bytes come from.
pub trait Rng: Send + Sync + fmt::Debug {
    /// Fills `into` with random bytes.
    fn fill(&self, into: &mut [u8]);
}

impl dyn Rng + '_ {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }
}

/// AWS-LC's generator, fit for keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, into: &mut [u8]) {
        // AWS-LC fails only when the kernel gives no entropy at all; going on without would be worse.
        #[expect(clippy::expect_used, reason = "no key may ever be made from missing randomness")]
        aws_lc_rs::rand::fill(into).expect("the system's random generator answers");
    }
}

/// Reproducible bytes for tests (splitmix64); never for keys that protect anything.
#[derive(Debug)]
pub struct SeededRng(Mutex<u64>);

impl SeededRng {
    /// The same seed gives the same bytes.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Rng for SeededRng {
    fn fill(&self, into: &mut [u8]) {
        let mut state = self.0.lock();
        for chunk in into.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) fn uuid_v4(rng: &dyn Rng) -> Uuid {
    Builder::from_random_bytes(rng.bytes()).into_uuid()
}

/// Only the canonical spelling: lower case, hyphens (RFC 9562 section 4), so that equal ids are equal bytes.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    let mut canonical = [0; 36];
    (*id.hyphenated().encode_lower(&mut canonical) == *text).then_some(id)
}
