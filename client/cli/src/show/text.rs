//! Answers for a person.

use std::fmt::Write as _;

use wickr_base::UnixMillis;
use wickr_sdk::Connection;
use wickr_sdk::store::Membership;

use super::answer::{
    Answer, DeviceLine, MemberLine, MessageLine, RoomLine, RoomState, SentState, StatusLine, UnsentStateLine,
};
use super::table::table;
use crate::room_name::describe;

/// What is printed for it; nothing for a note.
pub(super) fn text(answer: &Answer) -> String {
    match answer {
        Answer::Whoami(who) => format!(
            "{}\n  user         {}\n  device       {}\n  certificate  until {}\n",
            who.handle,
            who.user,
            who.device,
            day(who.certificate_until)
        ),
        Answer::Devices(answer) => devices(&answer.devices),
        Answer::Revoked(answer) => format!("device {} is revoked; the rooms remove it\n", answer.device),
        Answer::RoomCreated(answer) => {
            let room = describe(&answer.room, Some(&answer.name));
            match answer.state {
                RoomState::Made => format!("room {room} is there\n"),
                RoomState::Kept => {
                    format!("room {room} is kept; it is made as soon as there is a connection\n")
                }
            }
        }
        Answer::Invited(answer) => {
            let mut out =
                format!("{} is in the room with {}\n", answer.handle, count(answer.added.len(), "device"));
            for device in &answer.without_key_package {
                let _ = writeln!(
                    out,
                    "  not device {device}: it has left no key package; it comes in by itself later"
                );
            }
            out
        }
        Answer::Rooms(answer) if answer.rooms.is_empty() => {
            "no rooms; make one with \"wickr room create NAME\"\n".to_owned()
        }
        Answer::Rooms(answer) => rooms(&answer.rooms),
        Answer::Members(answer) => members(&answer.members),
        Answer::Left(answer) if answer.done => format!("left {}\n", answer.room),
        Answer::Left(answer) => {
            format!("asked to leave {}; done when another member's device has committed it\n", answer.room)
        }
        Answer::Sent(answer) => match (answer.state, answer.seq) {
            (SentState::Acknowledged, Some(seq)) => format!("sent, number {seq} in the room\n"),
            (SentState::Acknowledged, None) => "sent\n".to_owned(),
            (SentState::Kept, _) => "kept; it is sent as soon as there is a connection\n".to_owned(),
        },
        Answer::Message(message) => one_message(message),
        Answer::Status(status) => one_status(status),
        Answer::Note(_) => String::new(),
    }
}

fn one_message(message: &MessageLine) -> String {
    let room = message.room_name.clone().unwrap_or_else(|| message.room.to_string());
    let sender = if message.mine { "you" } else { &message.sender };
    let mut out = format!("{}  {}  {}: ", second(message.time), printable(&room), sender);
    let mut lines = message.text.lines();
    let _ = writeln!(out, "{}", printable(lines.next().unwrap_or_default()));
    for line in lines {
        let _ = writeln!(out, "    {}", printable(line));
    }
    out
}

/// Text of others must not move the cursor or recolour the terminal of who reads it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn one_status(status: &StatusLine) -> String {
    let connection = match &status.connection {
        Connection::Online => "online".to_owned(),
        Connection::Connecting => "connecting".to_owned(),
        Connection::CatchingUp => "connected, taking in what was missed".to_owned(),
        Connection::Offline { why } => format!("offline: {why}"),
        Connection::SignedOut { why } => format!("signed out: {why}"),
        Connection::OldStore { why } => format!("none, and none to come: {why}"),
    };
    let mut out = format!(
        "{}\n  device       {}\n  certificate  until {}\n  document     number {}\n  connection   {connection}\n",
        status.handle,
        status.uri,
        day(status.certificate_until),
        status.document,
    );
    if !status.rooms.is_empty() {
        let _ = write!(out, "\n{}", rooms(&status.rooms));
    }
    if !status.unsent.is_empty() {
        let rows: Vec<_> = status
            .unsent
            .iter()
            .map(|unsent| {
                let state = match &unsent.state {
                    UnsentStateLine::Waiting => "waiting".to_owned(),
                    UnsentStateLine::Refused { code, detail } => format!("refused ({code}): {detail}"),
                };
                vec![unsent.message.to_string(), unsent.room.to_string(), state]
            })
            .collect();
        let _ = write!(out, "\n{}", table(&["UNSENT", "ROOM", "STATE"], &rows));
    }
    if !status.notices.is_empty() {
        out.push_str("\nWhat happened:\n");
        for notice in &status.notices {
            let room = notice.room.as_ref().map_or_else(String::new, |room| format!("  {room}"));
            let seq = notice.seq.map_or_else(String::new, |seq| format!(" number {seq}"));
            let _ = writeln!(out, "  {}{room}{seq}: {}", second(notice.at), printable(&notice.text));
        }
    }
    out
}

fn rooms(rooms: &[RoomLine]) -> String {
    let rows: Vec<_> = rooms
        .iter()
        .map(|room| {
            let state = match (room.membership, &room.repair) {
                (Membership::Gone, _) => "left".to_owned(),
                (_, Some(why)) => format!("waits for a fresh group: {why}"),
                (Membership::Leaving, _) => "leaving".to_owned(),
                (Membership::Creating, _) => "waits for the relay".to_owned(),
                (Membership::Member, _) => "member".to_owned(),
            };
            let name = room.name.as_deref().map_or_else(|| "-".to_owned(), printable);
            vec![name, state, room.people.to_string(), room.devices.to_string(), room.room.to_string()]
        })
        .collect();
    table(&["NAME", "STATE", "PEOPLE", "DEVICES", "ID"], &rows)
}

fn members(members: &[MemberLine]) -> String {
    let rows: Vec<_> = members
        .iter()
        .map(|member| {
            let handle = member.handle.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            let state = if member.leaving { "leaving" } else { "member" };
            let devices: Vec<_> = member.devices.iter().map(ToString::to_string).collect();
            vec![handle, state.to_owned(), member.user.to_string(), devices.join(", ")]
        })
        .collect();
    table(&["HANDLE", "STATE", "USER", "DEVICES"], &rows)
}

fn devices(devices: &[DeviceLine]) -> String {
    let rows: Vec<_> = devices
        .iter()
        .map(|device| {
            let state = match (device.revoked_at, device.this) {
                (Some(at), _) => format!("revoked {}", second(at)),
                (None, true) => "this one".to_owned(),
                (None, false) if device.signed_in => "in use".to_owned(),
                (None, false) => "signed out".to_owned(),
            };
            let since = device.created_at.map_or_else(|| "-".to_owned(), day);
            vec![device.device.to_string(), state, since]
        })
        .collect();
    table(&["DEVICE", "STATE", "SINCE"], &rows)
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn day(at: UnixMillis) -> String {
    at.to_string().chars().take(10).collect()
}

fn second(at: UnixMillis) -> String {
    let text = at.to_string();
    text.get(..19).map_or(text.clone(), |text| format!("{text}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{DeviceId, MemberUri, MessageId, RoomId, SeededRng, Seq, UserId};

    fn message(text: &str) -> Answer {
        let rng = SeededRng::new(1);
        Answer::Message(MessageLine {
            room: RoomId::random("hq.example".parse().unwrap(), &rng),
            room_name: Some("ops".to_owned()),
            seq: Seq(4),
            time: UnixMillis(1_700_000_000_123),
            sender: "bob@hq.example".to_owned(),
            uri: MemberUri::Device {
                domain: "hq.example".parse().unwrap(),
                user: UserId::random(&rng),
                device: DeviceId::random(&rng),
            },
            mine: false,
            text: text.to_owned(),
            message: MessageId([7; 16]),
        })
    }

    #[test]
    fn a_message_is_one_line_and_its_further_lines_are_indented() {
        let shown = text(&message("one\ntwo"));
        assert_eq!(shown, "2023-11-14T22:13:20Z  ops  bob@hq.example: one\n    two\n");
    }

    #[test]
    fn a_message_cannot_forge_another_or_steer_the_terminal() {
        let shown = text(&message("\u{1b}[2J\rx\n2023-11-14T22:13:21Z  ops  you: yes"));
        assert!(!shown.contains('\u{1b}') && !shown.contains('\r'));
        assert!(shown.lines().skip(1).all(|line| line.starts_with("    ")));
    }

    #[test]
    fn json_of_a_message_has_what_programs_need() {
        let json: serde_json::Value = serde_json::from_str(&message("hi").json().unwrap()).unwrap();
        assert_eq!(json["time"], "2023-11-14T22:13:20.123Z");
        assert_eq!((&json["seq"], &json["text"]), (&4.into(), &"hi".into()));
        assert_eq!(json["message"], "07".repeat(16));
        assert_eq!(json["sender"], "bob@hq.example");
    }
}
