//! Looks in a program for the folders of the machine that built it.

use std::path::Path;

use memchr::memmem;

use crate::release::Tree;

/// A folder's name that stands in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Whose folder it is.
    pub what: &'static str,
    /// The text around it.
    pub around: String,
}

/// The places where a program names the source folder, the build's, cargo's, or the home of who built it.
pub fn leaks(program: &[u8], tree: &Tree) -> Vec<Leak> {
    let mut found = Vec::new();
    let folders = [
        ("the source's folder", &tree.source),
        ("the build's folder", &tree.target),
        ("cargo's folder", &tree.cargo_home),
    ];
    for (what, folder) in folders {
        found.extend(named(program, folder).map(|around| Leak { what, around }));
    }
    if let Some(home) = std::env::home_dir() {
        found.extend(below_home(program, &home).map(|around| Leak { what: "the home folder", around }));
    }
    found
}

/// What stands where the folder is named, as a folder: its bare name may be a word.
fn named<'a>(program: &'a [u8], folder: &Path) -> impl Iterator<Item = String> + 'a {
    let folder = format!("{}/", folder.display()).into_bytes();
    let places: Vec<usize> = memmem::find_iter(program, &folder).collect();
    places.into_iter().map(|at| printable(&program[at..]))
}

/// Only of what is there: a program has its texts one behind the other, and where one ends with `/root` the next may
/// begin with `/etc`.
fn below_home<'a>(program: &'a [u8], home: &'a Path) -> impl Iterator<Item = String> + 'a {
    named(program, home).filter(move |around| {
        let below = Path::new(around).strip_prefix(home).ok().and_then(|below| below.iter().next());
        below.is_some_and(|name| home.join(name).exists())
    })
}

fn printable(bytes: &[u8]) -> String {
    let text = bytes.iter().take(120).take_while(|byte| byte.is_ascii_graphic() || **byte == b' ');
    text.map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree {
            source: "/src/here".into(),
            cargo_home: "/home/she/cargo".into(),
            target: "/var/target".into(),
        }
    }

    #[test]
    fn a_folder_in_a_program_is_found_with_what_stands_around_it() {
        let found = leaks(b"\0\x01/home/she/cargo/registry/a.rs\0/src/hereafter\0", &tree());
        let cargo = Leak { what: "cargo's folder", around: "/home/she/cargo/registry/a.rs".to_owned() };
        assert_eq!(found, [cargo]);
    }

    #[test]
    fn of_the_home_folder_only_what_is_there_counts() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".rustup")).unwrap();
        let named = home.path().display();
        let program = format!("wickr.dev{named}/etc/wickr\0a{named}/.rustup/toolchains\0");
        let found: Vec<String> = below_home(program.as_bytes(), home.path()).collect();
        assert_eq!(found, [format!("{named}/.rustup/toolchains")]);
    }

    #[test]
    fn this_test_was_not_built_for_release_and_names_its_source() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = leaks(&program, &Tree::here().unwrap());
        assert!(
            found.iter().any(|leak| leak.what == "the source's folder"),
            "the search finds what is there"
        );
    }
}
