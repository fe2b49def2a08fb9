//! Looks in a program for the folders of the machine that built it.

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
    let home = std::env::home_dir();
    let folders = [
        ("the source's folder", Some(&tree.source)),
        ("the build's folder", Some(&tree.target)),
        ("cargo's folder", Some(&tree.cargo_home)),
        ("the home folder", home.as_ref()),
    ];
    let mut found = Vec::new();
    for (what, folder) in folders {
        let Some(folder) = folder.and_then(|folder| folder.to_str()).filter(|folder| *folder != "/") else {
            continue;
        };
        // As a folder: the user "root" may stand anywhere.
        let folder = format!("{folder}/");
        for at in memmem::find_iter(program, folder.as_bytes()) {
            found.push(Leak { what, around: printable(&program[at..]) });
        }
    }
    found
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
    fn this_test_was_not_built_for_release_and_names_its_source() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = leaks(&program, &Tree::here().unwrap());
        assert!(
            found.iter().any(|leak| leak.what == "the source's folder"),
            "the search finds what is there"
        );
    }
}
