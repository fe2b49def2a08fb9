//! The outer envelope: `wickr.content.v1.Outer` as MLS authenticated_data (RFC 9420 section 6.3.1).

use prost::Message;
use wickr_wire::ProblemCode;
use wickr_wire::content::{Kind, Outer};

use crate::Refused;

const VERSION: u32 = 1;
/// Longest security label, bytes.
const MAX_LABEL: usize = 128;

/// The bytes that stand as authenticated_data.
pub fn encode_outer(outer: &Outer) -> Vec<u8> {
    outer.encode_to_vec()
}

/// Reads them back. Refused as `malformed`: another version, no kind, an id that is not 16 bytes, a label above 128
/// bytes, a negative expiry, and any byte that the fields don't account for.
pub fn read_outer(bytes: &[u8]) -> Result<Outer, Refused> {
    let outer = Outer::decode(bytes).map_err(|_| wrong("it is not an Outer message"))?;
    if outer.version != VERSION {
        return Err(wrong("its version is not 1"));
    }
    if !Kind::try_from(outer.kind).is_ok_and(|kind| kind != Kind::Unspecified) {
        return Err(wrong("its kind is not one of those known"));
    }
    if outer.message_id.len() != 16 {
        return Err(wrong("its message id is not 16 bytes"));
    }
    if outer.label.len() > MAX_LABEL {
        return Err(wrong("its label is longer than 128 bytes"));
    }
    if outer.expires_at_ms < 0 {
        return Err(wrong("it expires before 1970"));
    }
    if outer.encoded_len() != bytes.len() {
        return Err(wrong("it has fields that version 1 doesn't know"));
    }
    Ok(outer)
}

fn wrong(why: &str) -> Refused {
    Refused::new(ProblemCode::Malformed, format!("the message's outer envelope is wrong: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer() -> Outer {
        Outer {
            version: 1,
            kind: Kind::Text.into(),
            label: String::new(),
            expires_at_ms: 0,
            message_id: vec![7; 16],
        }
    }

    #[test]
    fn an_outer_envelope_reads_back() {
        assert_eq!(read_outer(&encode_outer(&outer())), Ok(outer()));
    }

    #[test]
    fn an_envelope_with_a_wrong_or_hidden_field_is_refused() {
        let wrong = [
            Outer { version: 2, ..outer() },
            Outer { kind: 0, ..outer() },
            Outer { kind: 99, ..outer() },
            Outer { message_id: vec![7; 15], ..outer() },
            Outer { label: "x".repeat(129), ..outer() },
            Outer { expires_at_ms: -1, ..outer() },
        ];
        for outer in wrong {
            assert!(read_outer(&encode_outer(&outer)).is_err(), "{outer:?}");
        }
        let hidden = [encode_outer(&outer()), vec![0x7a, 2, 1, 2]].concat();
        assert!(read_outer(&hidden).is_err());
        assert!(read_outer(b"").is_err());
    }
}
