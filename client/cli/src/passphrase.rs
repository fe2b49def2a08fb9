//! Getting a passphrase: from a file, or from the person without showing it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use wickr_base::Secret;
use zeroize::Zeroize;

use crate::exit::Exit;
use crate::failure::Failure;

/// The first line of a file.
pub(crate) fn from_file(path: &Path) -> Result<Secret<String>, Failure> {
    let read = || -> io::Result<String> {
        let mut line = String::new();
        BufReader::new(File::open(path)?).read_line(&mut line)?;
        Ok(line)
    };
    read().map(into_secret).map_err(|error| {
        let place = path.display().to_string();
        let next = "give a file that you can read to --passphrase-file";
        Failure::new(Exit::Profile, "the passphrase can't be read", &place, &error.to_string(), next)
    })
}

/// Asks on the terminal.
pub(crate) fn ask(prompt: &str) -> Result<Secret<String>, Failure> {
    typed(prompt).map_err(|error| {
        let next = "run it in a terminal, or give --passphrase-file or WICKR_PASSPHRASE_FILE";
        Failure::new(
            Exit::Profile,
            "the passphrase can't be asked for",
            "the terminal",
            &error.to_string(),
            next,
        )
    })
}

/// Asks for a new one, twice.
pub(crate) fn ask_twice() -> Result<Secret<String>, Failure> {
    let one = ask("New passphrase: ")?;
    let two = ask("Once more: ")?;
    if one.expose() == two.expose() {
        return Ok(one);
    }
    let next = "run the command again";
    Err(Failure::new(
        Exit::Profile,
        "no passphrase was set",
        "the terminal",
        "the two are not the same",
        next,
    ))
}

fn typed(prompt: &str) -> io::Result<Secret<String>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(prompt.as_bytes())?;
    let before = tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
    let mut line = String::new();
    let read = BufReader::new(&terminal).read_line(&mut line);
    let restored = tcsetattr(&terminal, OptionalActions::Flush, &before);
    terminal.write_all(b"\n")?;
    read?;
    restored?;
    Ok(into_secret(line))
}

fn into_secret(mut line: String) -> Secret<String> {
    let secret = Secret::new(line.trim_end_matches(['\r', '\n']).to_owned());
    line.zeroize();
    secret
}
