//! The presentation language of RFC 9420 section 2.1, as far as it's read here without the MLS library.

/// Reads fields one after the other; `None` as soon as something is missing or not minimally encoded.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk()?;
        self.0 = tail;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// `opaque value<V>`: a length of 1, 2 or 4 bytes in its shortest form (section 2.1.2), then that many bytes.
    pub(crate) fn vector(&mut self) -> Option<&'a [u8]> {
        let first = self.u8()?;
        let low = u32::from(first & 0x3f);
        let length = match first >> 6 {
            0 => low,
            1 => low << 8 | u32::from(self.u8()?),
            2 => low << 24 | u32::from(self.u8()?) << 16 | u32::from(self.u16()?),
            _ => return None,
        };
        let shortest = match first >> 6 {
            0 => true,
            1 => length >= 1 << 6,
            _ => length >= 1 << 14,
        };
        if !shortest {
            return None;
        }
        self.take(usize::try_from(length).ok()?)
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends `opaque value<V>`. Nothing longer than 2^30 - 1 bytes is written by this crate.
pub(crate) fn write_vector(into: &mut Vec<u8>, value: &[u8]) {
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    debug_assert!(length < 1 << 30, "vectors are bounded far below the format's limit");
    match length {
        0..0x40 => into.push(length.to_be_bytes()[3]),
        0x40..0x4000 => into.extend_from_slice(&(0x4000 | length).to_be_bytes()[2..]),
        _ => into.extend_from_slice(&(0x8000_0000 | length).to_be_bytes()),
    }
    into.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_vector_reads_back_as_written(value in prop::collection::vec(any::<u8>(), 0..20_000)) {
            let mut bytes = Vec::new();
            write_vector(&mut bytes, &value);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.vector(), Some(value.as_slice()));
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn a_length_in_a_longer_form_than_needed_is_refused() {
        assert_eq!(Reader::new(&[0x40, 0x01, 0xff]).vector(), None);
        assert_eq!(Reader::new(&[0x80, 0x00, 0x00, 0x01, 0xff]).vector(), None);
        assert_eq!(Reader::new(&[0xc0, 0, 0, 0, 0, 0, 0, 1, 0xff]).vector(), None);
        assert_eq!(Reader::new(&[0x01, 0xff]).vector(), Some([0xff].as_slice()));
    }
}
