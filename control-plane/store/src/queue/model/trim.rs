//! What of a room's log nobody needs any more, and its removal.

use wickr_base::Seq;

use super::super::{EntryKind, KEPT_UNDELIVERED, Outcome, RoomNumber, Trim};
use super::{RoomRecord, State};

impl RoomRecord {
    /// The newest entry leaves its number behind.
    pub(super) fn remove(&mut self, seq: Seq) {
        self.log.remove(&seq);
        if seq == self.meta.head {
            self.husks.insert(seq);
        } else {
            self.husks.remove(&seq);
        }
    }

    /// Entries and husks, in order.
    fn numbers(&self) -> Vec<Seq> {
        let mut numbers: Vec<Seq> = self.log.keys().chain(&self.husks).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// What can be removed up to there.
    fn removable(&self, through: Seq) -> Vec<Seq> {
        let only_number = |seq: &Seq| *seq == self.meta.head && !self.log.contains_key(seq);
        self.numbers().into_iter().filter(|seq| *seq <= through && !only_number(seq)).collect()
    }
}

impl State {
    pub(super) fn trimmable(&self, at_most: usize) -> Vec<Trim> {
        self.rooms
            .iter()
            .filter_map(|(number, room)| self.trimmable_in(*number, room, at_most))
            .take(at_most)
            .collect()
    }

    fn trimmable_in(&self, number: RoomNumber, room: &RoomRecord, at_most: usize) -> Option<Trim> {
        let parts: Vec<_> = self.memberships.iter().filter(|((_, at), _)| *at == number).collect();
        let head = room.meta.head;
        let floor = parts.iter().map(|(_, part)| part.acknowledged).min().unwrap_or(head);
        let (mut through, mut missed) = (floor, None);
        if let Some(limit) = self.settled.map(|settled| settled.minus(KEPT_UNDELIVERED)) {
            for seq in room.numbers().into_iter().filter(|seq| *seq > floor).take(at_most) {
                match room.log.get(&seq) {
                    Some(entry) if entry.place.time > limit => break,
                    Some(entry) if entry.kind != EntryKind::Application => missed = Some(seq),
                    _ => {}
                }
                through = seq;
            }
        }
        if room.members.is_empty() && through >= head {
            let devices = parts.iter().map(|((device, _), _)| *device).collect();
            return Some(Trim { room: number, through: head, missed: None, ended: Some(devices) });
        }
        let something = !room.removable(through).is_empty();
        something.then_some(Trim { room: number, through, missed, ended: None })
    }

    pub(super) fn trim(&mut self, trim: &Trim, at_most: usize) -> Outcome {
        let Some(room) = self.rooms.get_mut(&trim.room) else {
            return Outcome::Purged { removed: 0, more: false };
        };
        if let Some(devices) = trim.ended.as_ref().filter(|_| room.members.is_empty()) {
            let numbers = room.numbers();
            if numbers.len() > at_most {
                numbers.iter().take(at_most).for_each(|seq| room.remove(*seq));
                return Outcome::Purged { removed: at_most, more: true };
            }
            self.numbers.remove(&room.meta.id);
            self.rooms.remove(&trim.room);
            self.memberships.retain(|(device, at), _| *at != trim.room || !devices.contains(device));
            return Outcome::Purged { removed: numbers.len(), more: false };
        }
        let removable = room.removable(trim.through);
        removable.iter().take(at_most).for_each(|seq| room.remove(*seq));
        room.meta.trimmed = room.meta.trimmed.max(trim.missed.unwrap_or_default());
        Outcome::Purged { removed: removable.len().min(at_most), more: removable.len() > at_most }
    }
}
