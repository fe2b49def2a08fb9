//! What is in a message and on its envelope: written here, read here, and compared, because the relay sees only one of them.

use prost::Message as _;
use wickr_base::{MessageId, UnixMillis};
use wickr_wire::content::{Content, Kind, Outer, RoomState, Text, content};

const VERSION: u32 = 1;

/// Largest control message (room state), bytes of content.
const MAX_CONTROL_BYTES: usize = 16 * 1024;

/// What a member says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A text message.
    Text(String),
    /// What the room is called.
    RoomName(String),
}

/// A message as its sender made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The same on a resend.
    pub id: MessageId,
    /// When it is to vanish; 0 for never.
    pub expires: UnixMillis,
    /// When it was written, by the sender's clock.
    pub sent: UnixMillis,
    /// What it says.
    pub body: Body,
}

/// Why a received message is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// One of the two parts does not read.
    #[error("its {part} can't be read")]
    Malformed {
        /// Which.
        part: &'static str,
    },
    /// A version that this program does not know.
    #[error("its {part} has version {version}; this program knows {VERSION}")]
    Version {
        /// Which part.
        part: &'static str,
        /// What it says.
        version: u32,
    },
    /// The sender told servers another thing than the members.
    #[error("its envelope says another {field} than its content: the sender lied to the servers")]
    Lie {
        /// What differs.
        field: &'static str,
    },
    /// A kind of content that this program does not know.
    #[error("its content is of a kind that this program does not know")]
    Unknown,
    /// A control message beyond the limit.
    #[error("it is a control message of {size} bytes; the limit is {MAX_CONTROL_BYTES}")]
    TooLarge {
        /// How large.
        size: usize,
    },
}

impl Written {
    /// The content to be sealed.
    pub fn content(&self) -> Vec<u8> {
        let body = match &self.body {
            Body::Text(text) => content::Body::Text(Text { text: text.clone() }),
            Body::RoomName(name) => content::Body::RoomState(RoomState { name: name.clone() }),
        };
        let content = Content {
            version: VERSION,
            message_id: self.id.0.to_vec(),
            expires_at_ms: self.expires.0,
            label: String::new(),
            sent_at_ms: self.sent.0,
            body: Some(body),
        };
        content.encode_to_vec()
    }
}

/// The envelope that goes with `content` (encoded): made from it, so that the two agree.
pub fn envelope(content: &[u8]) -> Result<Outer, ContentError> {
    let content = Content::decode(content).map_err(|_| ContentError::Malformed { part: "content" })?;
    Ok(Outer {
        version: VERSION,
        kind: kind_of(content.body.as_ref())? as i32,
        label: content.label,
        expires_at_ms: content.expires_at_ms,
        message_id: content.message_id,
    })
}

/// Reads a received message; refuses one whose envelope and content differ.
pub fn read(outer: &Outer, plaintext: &[u8]) -> Result<Written, ContentError> {
    let inner = Content::decode(plaintext).map_err(|_| ContentError::Malformed { part: "content" })?;
    for (part, version) in [("envelope", outer.version), ("content", inner.version)] {
        if version != VERSION {
            return Err(ContentError::Version { part, version });
        }
    }
    let kind = kind_of(inner.body.as_ref())?;
    let lie = |field| Err(ContentError::Lie { field });
    if outer.kind != kind as i32 {
        return lie("kind");
    }
    if outer.label != inner.label {
        return lie("label");
    }
    if outer.expires_at_ms != inner.expires_at_ms {
        return lie("expiry");
    }
    if outer.message_id != inner.message_id {
        return lie("message id");
    }
    if kind == Kind::Control && plaintext.len() > MAX_CONTROL_BYTES {
        return Err(ContentError::TooLarge { size: plaintext.len() });
    }
    let body = match inner.body {
        Some(content::Body::Text(text)) => Body::Text(text.text),
        Some(content::Body::RoomState(state)) => Body::RoomName(state.name),
        None => return Err(ContentError::Unknown),
    };
    Ok(Written {
        id: MessageId::from_slice(&inner.message_id).ok_or(ContentError::Malformed { part: "content" })?,
        expires: UnixMillis(inner.expires_at_ms),
        sent: UnixMillis(inner.sent_at_ms),
        body,
    })
}

fn kind_of(body: Option<&content::Body>) -> Result<Kind, ContentError> {
    match body {
        Some(content::Body::Text(_)) => Ok(Kind::Text),
        Some(content::Body::RoomState(_)) => Ok(Kind::Control),
        None => Err(ContentError::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Change = fn(&mut Outer);

    fn written(body: Body) -> Written {
        Written { id: MessageId([3; 16]), expires: UnixMillis(99), sent: UnixMillis(5), body }
    }

    proptest! {
        #[test]
        fn a_message_reads_back_as_written(text in ".*", control in any::<bool>()) {
            let body = if control { Body::RoomName(text) } else { Body::Text(text) };
            let message = written(body);
            let content = message.content();
            prop_assert_eq!(read(&envelope(&content).unwrap(), &content).unwrap(), message);
        }

        #[test]
        fn arbitrary_bytes_never_panic(inner in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&Outer::default(), &inner);
            let _ = envelope(&inner);
        }
    }

    #[test]
    fn each_difference_between_envelope_and_content_is_named() {
        let content = written(Body::Text("x".to_owned())).content();
        let outer = envelope(&content).unwrap();
        let cases: [(&str, Change); 4] = [
            ("kind", |o| o.kind = Kind::Control as i32),
            ("label", |o| o.label = "SECRET".to_owned()),
            ("expiry", |o| o.expires_at_ms = 0),
            ("message id", |o| o.message_id = vec![9; 16]),
        ];
        for (field, change) in cases {
            let mut lying = outer.clone();
            change(&mut lying);
            assert_eq!(read(&lying, &content), Err(ContentError::Lie { field }));
        }
    }

    #[test]
    fn a_control_message_beyond_its_limit_is_dropped() {
        let content = written(Body::RoomName("n".repeat(MAX_CONTROL_BYTES))).content();
        assert!(matches!(read(&envelope(&content).unwrap(), &content), Err(ContentError::TooLarge { .. })));
    }
}
