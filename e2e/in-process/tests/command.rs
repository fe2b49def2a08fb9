//! The `wickr` command as processes: one owns the profile, others go through it; output for programs; exit codes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wickr_in_process::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// A person at a command line with a profile.
struct Person {
    folder: TempDir,
}

/// A command that goes on, with its lines of JSON.
struct Running {
    child: Child,
    lines: Receiver<Value>,
}

impl Person {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wickr-in-process"));
        command.args(arguments).arg("--json").env_clear().env("WICKR_PROFILE", self.profile());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn profile(&self) -> PathBuf {
        self.folder.path().join("profile")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The one line of JSON that a command which works prints.
    fn asks(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "wickr {arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"))
    }

    /// What a backup of the profile brings back later.
    fn copy(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap() };
        let copied = Command::new("cp").arg("-a").args([self.profile(), copy.profile()]).status().unwrap();
        assert!(copied.success());
        copy
    }

    fn goes_on(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Running { child, lines }
    }

    fn signs_in(world: &World, name: &str) -> Self {
        let person = Self { folder: tempfile::tempdir().unwrap() };
        let mut login = person.goes_on(&["login", &world.join().to_string()]);
        let prompt = login.next();
        world.approve(prompt["user_code"].as_str().unwrap(), name);
        assert_eq!(login.next()["handle"], format!("{name}@hq.example"));
        assert!(login.child.wait().unwrap().success());
        person
    }
}

impl Running {
    fn next(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap().code()
    }
}

fn lines(stdout: ChildStdout) -> Receiver<Value> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            if send.send(serde_json::from_str(&line).unwrap()).is_err() {
                return;
            }
        }
    });
    receive
}

/// Blocking work beside the services, which run on the test's runtime.
async fn at_the_command_line(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn people_talk_by_commands_and_read_along_while_they_send() {
    let world = World::start().await;
    at_the_command_line(move || {
        let alice = Person::signs_in(&world, "alice");
        let bob = Person::signs_in(&world, "bob");
        assert_eq!(alice.asks(&["whoami"])["handle"], "alice@hq.example");
        let room = alice.asks(&["room", "create", "ops"])["room"].as_str().unwrap().to_owned();
        let invited = alice.asks(&["room", "invite", "op", "Bob@HQ.example"]);
        assert_eq!(invited["added"].as_array().unwrap().len(), 1);

        // Bob reads along in one process and sends through it from another.
        let reading = bob.goes_on(&["read", "--follow"]);
        let sent = alice.asks(&["send", "ops", "on my way"]);
        assert_eq!((&sent["state"], &sent["room"]), (&"acknowledged".into(), &room.as_str().into()));
        let read = reading.next();
        assert_eq!((&read["text"], &read["sender"]), (&"on my way".into(), &"alice@hq.example".into()));
        assert_eq!((&read["room"], &read["message"]), (&room.as_str().into(), &sent["message"]));
        assert_eq!(bob.asks(&["send", &room, "come in"])["state"], "acknowledged");
        assert_eq!(reading.next()["mine"], true);
        assert_eq!(bob.asks(&["status"])["connection"]["state"], "online");
        assert_eq!(bob.asks(&["room", "members", "ops"])["members"].as_array().unwrap().len(), 2);

        // A second reader goes through the first, shows what comes while both are there, and goes on by itself when
        // the first is killed.
        let second = bob.goes_on(&["read", "ops", "--follow", "--last", "1"]);
        assert_eq!(second.next()["text"], "come in", "it has begun");
        alice.asks(&["send", "ops", "both"]);
        assert_eq!((&reading.next()["text"], &second.next()["text"]), (&"both".into(), &"both".into()));
        reading.kill();
        alice.asks(&["send", "ops", "still there?"]);
        assert_eq!(second.next()["text"], "still there?");
        assert_eq!(second.interrupt(), Some(130));

        // Once: a new reader starts after what was read.
        alice.asks(&["send", "ops", "next"]);
        let limited = bob.run(&["read", "ops", "--follow", "--limit", "1"]);
        let line: Value = serde_json::from_slice(&limited.stdout).unwrap();
        assert_eq!(line["text"], "next");
        assert!(bob.run(&["read", "ops", "--new"]).stdout.is_empty());
        let history = String::from_utf8(bob.run(&["read", "ops"]).stdout).unwrap();
        assert_eq!(history.lines().count(), 5);

        // Lines of standard input, in order.
        let mut lines = alice.command(&["send", "ops", "--lines"]).stdin(Stdio::piped()).spawn().unwrap();
        lines.stdin.take().unwrap().write_all(b"a\nb\nc\n").unwrap();
        assert!(lines.wait().unwrap().success());
        let new = String::from_utf8(bob.run(&["read", "ops", "--new"]).stdout).unwrap();
        let texts: Vec<Value> = new.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(texts.iter().map(|line| line["text"].clone()).collect::<Vec<_>>(), ["a", "b", "c"]);

        assert_eq!(bob.run(&["send", "nowhere", "x", "--wait", "1s"]).status.code(), Some(8));
        assert_eq!(bob.run(&["room", "invite", "ops", "nobody@hq.example"]).status.code(), Some(8));
        assert_eq!(bob.asks(&["room", "leave", "ops"])["room"], room);
        assert_eq!(bob.asks(&["logout", "--yes"])["signed_out"], true);
        assert_eq!(bob.run(&["whoami"]).status.code(), Some(3));
        drop(world);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_restored_from_a_copy_says_so_and_becomes_a_new_device() {
    let world = World::start().await;
    at_the_command_line(move || {
        let alice = Person::signs_in(&world, "alice");
        alice.asks(&["room", "create", "ops"]);
        alice.asks(&["send", "ops", "before"]);
        let copy = alice.copy();
        alice.asks(&["send", "ops", "since"]);

        let refused = copy.run(&["send", "ops", "from the past"]);
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        let error: Value = serde_json::from_slice(&refused.stderr).unwrap();
        assert_eq!(error["error"]["code"], "old-store");
        assert!(error["error"]["why"].as_str().unwrap().contains("copy of an earlier time"));
        assert!(error["error"]["next"].as_str().unwrap().contains("wickr login"));
        assert_eq!(copy.asks(&["read", "ops"])["text"], "before");
        assert_eq!(copy.asks(&["status"])["connection"]["state"], "old-store");
        let follow = copy.run(&["read", "--follow"]);
        assert_eq!(follow.status.code(), Some(3), "{follow:?}");
        assert_eq!(alice.asks(&["send", "ops", "goes on"])["state"], "acknowledged");

        let old = alice.asks(&["whoami"])["device"].clone();
        let mut login = copy.goes_on(&["login", &world.join().to_string()]);
        world.approve(login.next()["user_code"].as_str().unwrap(), "alice");
        let signed_in = login.next();
        assert_eq!(signed_in["replaced"], old);
        assert!(login.child.wait().unwrap().success());
        assert_eq!(copy.asks(&["whoami"])["device"], signed_in["device"]);
        assert_eq!(copy.asks(&["read", "--offline", "ops"])["text"], "before");
        let revoked = copy.asks(&["devices", "revoke", old.as_str().unwrap()]);
        assert_eq!(revoked["device"], old);
        drop(world);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_relay_a_message_is_kept_and_the_next_command_sends_it() {
    let world = World::start().await;
    let alice = tokio::task::spawn_blocking(move || {
        let alice = Person::signs_in(&world, "alice");
        alice.asks(&["room", "create", "ops"]);
        (alice, world)
    });
    let (alice, mut stopped) = alice.await.unwrap();
    stopped.stop_relay().await;
    let alice = tokio::task::spawn_blocking(move || {
        let output = alice.run(&["send", "ops", "kept", "--wait", "300ms"]);
        assert_eq!(output.status.code(), Some(6));
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["state"], "kept");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(error["error"]["exit"], "kept");
        assert_eq!(alice.asks(&["status", "--wait", "1s"])["unsent"].as_array().unwrap().len(), 1);
        alice
    })
    .await
    .unwrap();
    stopped.start_relay().await;
    at_the_command_line(move || {
        let sent = alice.asks(&["send", "ops", "and this"]);
        assert_eq!(sent["state"], "acknowledged");
        assert!(alice.asks(&["status"])["unsent"].as_array().unwrap().is_empty());
        drop(stopped);
    })
    .await;
}
