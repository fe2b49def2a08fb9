//! How many people a room may have: a commit that brings one more than that is refused.

use std::collections::HashSet;
use std::num::NonZeroU32;

use wickr_base::{MemberUri, UserId};
use wickr_e2ee::Observer;
use wickr_wire::ProblemCode;

use crate::refusal::Refusal;

/// Only who brings more people in is refused: a room that has too many already, because the limit was lowered, can go on,
/// and whoever is in a full room can add another device.
pub(super) fn check_size(before: &Observer, after: &Observer, most: NonZeroU32) -> Result<(), Refusal> {
    let people = |observer: &Observer| people(observer.roster().map(|member| &member.uri));
    compare(people(before), people(after), most.get() as usize)
}

fn people<'a>(members: impl Iterator<Item = &'a MemberUri>) -> usize {
    members.filter_map(|uri| Some(uri.device()?.0)).collect::<HashSet<UserId>>().len()
}

fn compare(before: usize, after: usize, most: usize) -> Result<(), Refusal> {
    if after <= most || after <= before {
        return Ok(());
    }
    let detail = format!(
        "with this commit the room would have {after} people, and a room may have at most {most}: add fewer, remove \
         others first, or make another room"
    );
    Err(Refusal::new(ProblemCode::RoomFull, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickr_base::{DeviceId, SeededRng};

    #[test]
    fn a_room_takes_people_up_to_its_limit_and_says_how_many_it_may_have() {
        assert_eq!(compare(499, 500, 500), Ok(()));
        let refusal = compare(499, 501, 500).unwrap_err();
        assert_eq!(refusal.code, ProblemCode::RoomFull);
        assert!(
            refusal.detail.contains("501 people") && refusal.detail.contains("at most 500"),
            "{refusal:?}"
        );
    }

    #[test]
    fn a_room_that_is_too_full_already_may_change_but_not_grow() {
        assert_eq!([compare(30, 30, 20), compare(30, 29, 20)], [Ok(()), Ok(())]);
        assert!(compare(30, 31, 20).is_err());
    }

    #[test]
    fn several_devices_of_one_person_are_one_and_services_are_nobody() {
        let rng = SeededRng::new(1);
        let (domain, user) = ("hq.example".parse().unwrap(), UserId::random(&rng));
        let device = |user| MemberUri::Device {
            domain: "hq.example".parse().unwrap(),
            user,
            device: DeviceId::random(&rng),
        };
        let service = MemberUri::Service { domain, service: "retention".to_owned(), replica: "0".to_owned() };
        let members = [device(user), device(user), device(UserId::random(&rng)), service];
        assert_eq!(people(members.iter()), 2);
    }
}
