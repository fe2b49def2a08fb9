//! Whether an answer of a provider may be read at all: not a redirect, not compressed, JSON, and each name once.
//! How it got here: `door`. What is read out of it: `discovery`, `tokens`, `device_grant`.

use std::collections::HashSet;
use std::fmt;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Longest text of a provider that a person is shown.
const MOST_SHOWN: usize = 200;

/// Why an answer isn't read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Asking somebody else is for whoever named the address.
    #[error("it answered {0}; redirects are not followed")]
    Redirect(u16),
    /// Nobody asked for that, and small answers can become huge ones.
    #[error("its answer is compressed (\"{0}\"), which was not asked for")]
    Compressed(String),
    /// A page, most often of something that stands before the provider.
    #[error("its answer is \"{0}\" instead of application/json")]
    NotJson(String),
    /// It fails as a whole, and what it says is not OAuth's.
    #[error("it answered {0}")]
    Failed(u16),
    /// Two readers may believe different ones (RFC 8259 section 4).
    #[error("its answer names \"{0}\" twice in one object")]
    Twice(String),
}

impl Unfit {
    /// Whether the provider did what it was asked and only its words can't be read: what it was asked with is spent.
    pub(crate) fn spends(&self) -> bool {
        matches!(self, Self::Compressed(_) | Self::NotJson(_) | Self::Twice(_))
    }
}

/// Judges status and headers, before the body is read.
pub(super) fn judge_head(status: http::StatusCode, headers: &HeaderMap) -> Result<(), Unfit> {
    if status.is_redirection() {
        return Err(Unfit::Redirect(status.as_u16()));
    }
    let header = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(coding) = header(CONTENT_ENCODING).filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Unfit::Compressed(shown(&coding)));
    }
    let other = header(CONTENT_TYPE).filter(|kind| !is_json(kind));
    if status.is_server_error() && (other.is_some() || !headers.contains_key(CONTENT_TYPE)) {
        return Err(Unfit::Failed(status.as_u16()));
    }
    match other {
        Some(kind) if status.is_success() => Err(Unfit::NotJson(shown(&kind))),
        _ => Ok(()),
    }
}

/// Judges what was read. What isn't JSON at all is told by whoever reads it.
pub(super) fn judge_body(body: &[u8]) -> Result<(), Unfit> {
    named_once(body).map_err(|name| Unfit::Twice(shown(&name)))
}

/// The first name that an object of this JSON has twice, if any.
pub(crate) fn named_once(json: &[u8]) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    match Once::deserialize(&mut reader) {
        Ok(Once(Some(name))) => Err(name),
        Ok(Once(None)) | Err(_) => Ok(()),
    }
}

/// A provider's text as it may stand in a log, a status or before a person: short, one line, nothing that a terminal
/// obeys or that turns the direction of writing.
pub(crate) fn shown(text: &str) -> String {
    let plain = |c: &char| {
        !c.is_control()
            && !matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut short: String = text.chars().filter(plain).take(MOST_SHOWN).collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        short.push('…');
    }
    short
}

/// What is wrong with JSON, without a word out of it: values may be tokens.
pub(crate) fn fault(error: &serde_json::Error) -> String {
    let (text, line, column) = (error.to_string(), error.line(), error.column());
    // Their names are ours.
    let named = ["missing field `", "duplicate field `"].iter().any(|begin| text.starts_with(begin));
    match error.classify() {
        serde_json::error::Category::Data if named => shown(&text),
        serde_json::error::Category::Data => {
            format!("a value is not of the kind that belongs there (line {line} column {column})")
        }
        serde_json::error::Category::Eof => format!("it breaks off (line {line} column {column})"),
        _ => format!("it is not JSON (line {line} column {column})"),
    }
}

/// `application/json` or a kind of it (`application/jwk-set+json`), with or without parameters.
fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/").is_some_and(|sub| sub == "json" || sub.ends_with("+json"))
}

/// The first name that stood twice.
struct Once(Option<String>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
        let mut names = HashSet::new();
        let mut twice = None;
        while let Some(name) = map.next_key::<String>()? {
            let Once(inner) = map.next_value()?;
            twice = twice.or(inner);
            if names.contains(&name) {
                twice = twice.or(Some(name));
            } else {
                names.insert(name);
            }
        }
        Ok(Once(twice))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Once, A::Error> {
        let mut twice = None;
        while let Some(Once(inner)) = seq.next_element()? {
            twice = twice.or(inner);
        }
        Ok(Once(twice))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Once, E> {
        Ok(Once(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Once, E> {
        Ok(Once(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_in_one_object_is_found_at_any_depth() {
        for (json, name) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"{"a":[{"b":null,"c":{"d":1,"d":1}}]}"#, "d"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
        ] {
            assert_eq!(named_once(json.as_bytes()), Err(name.to_owned()), "{json}");
        }
        for json in [r#"{"a":{"a":1},"b":[{"a":1},{"a":-1.5e3}]}"#, "[]", "nonsense"] {
            assert_eq!(named_once(json.as_bytes()), Ok(()), "{json}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused_before_the_stack_is_used_up() {
        assert!(serde_json::from_slice::<Once>(&b"[".repeat(100_000)).is_err());
    }

    #[test]
    fn a_fault_in_json_is_told_without_the_values() {
        #[derive(Debug, serde::Deserialize)]
        struct Answer {
            #[expect(dead_code, reason = "only its reading is looked at")]
            number: u32,
        }
        let told = |json: &str| fault(&serde_json::from_str::<Answer>(json).unwrap_err());
        for json in [r#"{"number":"s3cret"}"#, r#""s3cret""#, "s3cret", r#"{"number":"s3c"#] {
            assert!(!told(json).contains("s3c"), "{}", told(json));
        }
        assert!(told("{}").contains("missing field `number`"));
    }

    #[test]
    fn what_is_shown_is_short_and_obeyed_by_no_terminal() {
        assert_eq!(shown("a\u{1b}[31m\nb\u{202e}c"), "a[31mbc");
        assert_eq!(shown(&"x".repeat(1_000)).chars().count(), 201);
    }
}
