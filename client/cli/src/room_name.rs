//! Which room a person means: by name, by id, or by a beginning of either that fits one room only.

use wickr_base::RoomId;
use wickr_sdk::store::Membership;
use wickr_sdk::{Client, RoomStatus};

use crate::exit::Exit;
use crate::failure::Failure;

/// Why it is not clear which.
#[derive(Debug, PartialEq, Eq)]
enum Unclear {
    None,
    Several(Vec<String>),
}

pub(crate) fn find(client: &Client, text: &str) -> Result<RoomStatus, Failure> {
    let rooms =
        client.rooms().map_err(|error| Failure::of("the rooms can't be read", "the store", &error))?;
    choose(&rooms, text).cloned().map_err(|unclear| {
        let what = format!("no room is meant for certain by \"{text}\"");
        match unclear {
            Unclear::None => Failure::new(
                Exit::NotFound,
                &what,
                "the rooms of this device",
                "no name or id is or begins like that",
                "see \"wickr room list\"; a room just joined shows after \"wickr status\"",
            ),
            Unclear::Several(names) => Failure::new(
                Exit::NotFound,
                &what,
                "the rooms of this device",
                &format!("it fits {}", names.join(", ")),
                "write more of the name, or the id",
            ),
        }
    })
}

fn choose<'a>(rooms: &'a [RoomStatus], text: &str) -> Result<&'a RoomStatus, Unclear> {
    let uuid = |room: &RoomStatus| room.id.uuid().hyphenated().to_string();
    let name = |room: &RoomStatus| room.name.clone().unwrap_or_default();
    let exact = |room: &&RoomStatus| room.id.to_string() == text || uuid(room) == text;
    if let Some(room) = rooms.iter().find(exact) {
        return Ok(room);
    }
    // Rooms that were left count only where nothing else fits.
    let present = |room: &&RoomStatus| room.membership != Membership::Gone;
    let by_name = |room: &&RoomStatus| name(room) == text;
    let by_beginning = |room: &&RoomStatus| {
        !text.is_empty()
            && (name(room).starts_with(text)
                || uuid(room).starts_with(text)
                || room.id.to_string().starts_with(text))
    };
    for fits in [&by_name as &dyn Fn(&&RoomStatus) -> bool, &by_beginning] {
        for fitting in [
            rooms.iter().filter(present).filter(fits).collect::<Vec<_>>(),
            rooms.iter().filter(|room| !present(room)).filter(fits).collect(),
        ] {
            match fitting.as_slice() {
                [] => {}
                [one] => return Ok(one),
                several => return Err(Unclear::Several(several.iter().map(|room| label(room)).collect())),
            }
        }
    }
    Err(Unclear::None)
}

fn label(room: &RoomStatus) -> String {
    describe(&room.id, room.name.as_deref())
}

/// A room for a person: name and id.
pub(crate) fn describe(id: &RoomId, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("\"{name}\" ({id})"),
        None => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wickr_base::SeededRng;

    fn room(seed: u64, name: &str, membership: Membership) -> RoomStatus {
        RoomStatus {
            id: RoomId::random("hq.example".parse().unwrap(), &SeededRng::new(seed)),
            name: Some(name.to_owned()),
            membership,
            devices: 0,
            people: 0,
            repair: None,
        }
    }

    #[test]
    fn an_exact_name_beats_a_beginning_and_a_beginning_must_fit_one() {
        let rooms = [
            room(1, "ops", Membership::Member),
            room(2, "ops-night", Membership::Member),
            room(3, "medical", Membership::Member),
        ];
        assert_eq!(choose(&rooms, "ops").unwrap().id, rooms[0].id);
        assert_eq!(choose(&rooms, "ops-").unwrap().id, rooms[1].id);
        assert_eq!(choose(&rooms, "m").unwrap().id, rooms[2].id);
        assert!(matches!(choose(&rooms, "o"), Err(Unclear::Several(names)) if names.len() == 2));
        assert_eq!(choose(&rooms, "x"), Err(Unclear::None));
        assert_eq!(choose(&rooms, ""), Err(Unclear::None));
    }

    #[test]
    fn two_rooms_of_one_name_are_told_apart_by_id() {
        let rooms = [room(1, "ops", Membership::Member), room(2, "ops", Membership::Member)];
        assert!(matches!(choose(&rooms, "ops"), Err(Unclear::Several(_))));
        assert_eq!(choose(&rooms, &rooms[1].id.to_string()).unwrap().id, rooms[1].id);
        assert_eq!(choose(&rooms, &rooms[1].id.uuid().to_string()[..8]).unwrap().id, rooms[1].id);
    }

    #[test]
    fn a_room_that_was_left_does_not_stand_in_the_way() {
        let rooms = [room(1, "ops", Membership::Gone), room(2, "ops", Membership::Member)];
        assert_eq!(choose(&rooms, "ops").unwrap().id, rooms[1].id);
        assert_eq!(choose(&rooms[..1], "op").unwrap().id, rooms[0].id);
    }

    proptest! {
        #[test]
        fn an_id_always_means_its_room(seeds in prop::collection::hash_set(0_u64..1000, 1..20)) {
            let rooms: Vec<_> = seeds.into_iter().map(|seed| room(seed, "same", Membership::Member)).collect();
            for room in &rooms {
                prop_assert_eq!(&choose(&rooms, &room.id.to_string()).unwrap().id, &room.id);
            }
        }
    }
}
