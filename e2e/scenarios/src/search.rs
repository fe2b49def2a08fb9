//! Looks for words in captured bytes and copied volumes: as UTF-8, as base64 at each of its three alignments, as hex.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Which spelling of the word was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// The bytes themselves.
    Plain,
    /// Inside base64 (both alphabets).
    Base64,
    /// As lower-case hexadecimal digits.
    Hex,
}

/// The first spelling of `word` that stands in `bytes`.
pub fn find(bytes: &[u8], word: &[u8]) -> Option<Spelling> {
    if contains(bytes, word) {
        return Some(Spelling::Plain);
    }
    if contains(bytes, hex::encode(word).as_bytes()) {
        return Some(Spelling::Hex);
    }
    let standard: Vec<u8> = bytes
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    aligned(word).iter().any(|coded| contains(&standard, coded.as_bytes())).then_some(Spelling::Base64)
}

/// The characters that `word` gives at each alignment, whatever stands before and after it.
fn aligned(word: &[u8]) -> Vec<String> {
    (0..3)
        .filter_map(|shift| {
            let padded = [vec![0; shift], word.to_vec()].concat();
            let coded = STANDARD_NO_PAD.encode(&padded);
            let from = [0, 2, 3][shift];
            let to = coded.len() - [0, 1, 1][padded.len() % 3];
            coded.get(from..to).filter(|part| part.len() >= 4).map(str::to_owned)
        })
        .collect()
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    !word.is_empty() && memchr::memmem::find(bytes, word).is_some()
}

/// The bytes of every file below `folder`, one after the other.
pub fn everything_below(folder: &Path) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("reading {}", next.display()))? {
            let entry = entry.context("reading an entry")?;
            let kind = entry.file_type().context("asking for its kind")?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                all.extend(
                    fs::read(entry.path()).with_context(|| format!("reading {}", entry.path().display()))?,
                );
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_is_found_in_base64_wherever_it_stands(before in proptest::collection::vec(any::<u8>(), 0..9),
                                                         after in proptest::collection::vec(any::<u8>(), 0..9)) {
            let text = [before, b"the convoy leaves at nine".to_vec(), after].concat();
            prop_assert_eq!(find(URL_SAFE.encode(&text).as_bytes(), b"convoy leaves"), Some(Spelling::Base64));
        }
    }

    #[test]
    fn hex_and_plain_are_found_and_other_words_are_not() {
        assert_eq!(find(b"..convoy..", b"convoy"), Some(Spelling::Plain));
        assert_eq!(find(hex::encode("a convoy").as_bytes(), b"convoy"), Some(Spelling::Hex));
        assert_eq!(find(b"a conv oy", b"convoy"), None);
    }
}
