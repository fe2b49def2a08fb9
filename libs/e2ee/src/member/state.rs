//! The form of `Record::State`: which earlier epochs are stored beside it, then the library's own snapshot.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::codec::Reader;

const VERSION: u8 = 1;

/// `uint8 version = 1; uint8 count; uint64 epochs[count]; opaque snapshot[..]`.
///
/// The list lets a device that joins a group a second time drop what its first membership left: the library goes on
/// only from an unbroken row of epochs.
pub(crate) fn encode(epochs: &BTreeSet<u64>, snapshot: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(2 + 8 * epochs.len() + snapshot.len()));
    out.push(VERSION);
    out.push(u8::try_from(epochs.len()).unwrap_or(u8::MAX));
    for epoch in epochs.iter().take(usize::from(u8::MAX)) {
        out.extend_from_slice(&epoch.to_be_bytes());
    }
    out.extend_from_slice(snapshot);
    out
}

/// The stored epochs and the snapshot.
pub(crate) fn decode(bytes: &[u8]) -> Option<(BTreeSet<u64>, &[u8])> {
    let mut reader = Reader::new(bytes);
    let (VERSION, count) = (reader.u8()?, reader.u8()?) else { return None };
    let epochs = (0..count).map(|_| reader.u64()).collect::<Option<_>>()?;
    Some((epochs, reader.rest()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_and_another_version_does_not() {
        let epochs = BTreeSet::from([3, 4]);
        let bytes = encode(&epochs, b"snapshot");
        assert_eq!(decode(&bytes), Some((epochs, b"snapshot".as_slice())));
        assert_eq!(decode(&bytes[..17]), None);
        assert_eq!(decode(&[2, 0]), None);
        assert_eq!(decode(b""), None);
    }
}
