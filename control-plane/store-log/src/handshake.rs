//! Staging a handshake: compare with the room, then entry, state, members, inboxes, all in this batch.

use std::collections::HashSet;

use fjall::Slice;
use wickr_base::{DeviceId, MemberUri, Seq, UserId};
use wickr_store::queue::{
    At, Handshake, MAX_INBOX, MAX_ROOMS_PER_USER, Place, REMEMBERED, Refused, RoomMeta, RoomNumber, Sequenced,
};

use crate::keys::{self, Meta, Submitted, Thing};
use crate::records::{self, EntryHead, Inbox, InboxRecord, Members, Part, RoomRecord, Waiting};
use crate::stage::{Stage, Stop};

impl Stage<'_> {
    pub(crate) fn handshake(&mut self, handshake: &Handshake) -> Result<Sequenced, Stop> {
        if let Some(sender) = handshake.sender
            && let Some(place) = self.answered(sender, Submitted::Handshake, handshake.id)?
        {
            return Ok(Sequenced { place, repeated: true, inbox: Vec::new() });
        }
        let found = self.meet(handshake)?;
        self.check_joiners(handshake)?;
        let number = match (found, handshake.at) {
            (None, At::New { owner }) => self.create(handshake, owner)?,
            (found, _) => found.ok_or(Refused::NoRoom)?,
        };
        let place = self.step_room(number, handshake)?;
        self.change_members(number, handshake, place.seq)?;
        let inbox = self.write_welcome(number, handshake, place)?;
        if let Some(sender) = handshake.sender {
            self.remember(sender, Submitted::Handshake, handshake.id, place);
        }
        Ok(Sequenced { place, repeated: false, inbox })
    }

    fn meet(&mut self, handshake: &Handshake) -> Result<Option<RoomNumber>, Stop> {
        if let Some(number) = self.get(&keys::number(&handshake.room))? {
            let number = RoomNumber(records::number(&number)?);
            let room = self.rooms.get(self.tables, number)?.ok_or(Refused::NoRoom)?;
            room.meets(&handshake.at)?;
            return Ok(Some(number));
        }
        let At::New { owner } = handshake.at else { return Err(Refused::NoRoom.into()) };
        if self.owned(owner)? >= u64::from(MAX_ROOMS_PER_USER) {
            return Err(Refused::TooManyRooms.into());
        }
        Ok(None)
    }

    fn owned(&self, owner: UserId) -> Result<u64, Stop> {
        Ok(self.get(&keys::owner(owner))?.map(|value| records::number(&value)).transpose()?.unwrap_or(0))
    }

    fn check_joiners(&self, handshake: &Handshake) -> Result<(), Stop> {
        for device in handshake.joined.iter().filter_map(|uri| Some(uri.device()?.1)) {
            if self.get(&keys::revoked(device))?.is_some() {
                return Err(Refused::Revoked(device).into());
            }
        }
        for device in handshake.welcome.iter().flat_map(|welcome| &welcome.recipients) {
            let inbox = self.inbox(*device)?;
            if inbox.last + 1 - inbox.first >= MAX_INBOX {
                return Err(Refused::Full(*device).into());
            }
        }
        Ok(())
    }

    pub(crate) fn inbox(&self, device: DeviceId) -> Result<Inbox, Stop> {
        Ok(self.decoded("an inbox", &keys::inbox(device))?.unwrap_or(Inbox { first: 1, last: 0 }))
    }

    fn create(&mut self, handshake: &Handshake, owner: UserId) -> Result<RoomNumber, Stop> {
        let last = keys::meta(Meta::LastRoom);
        let number = self.get(&last)?.map(|value| records::number(&value)).transpose()?.unwrap_or(0) + 1;
        self.put(last, Slice::from(number.to_be_bytes()));
        self.put(keys::number(&handshake.room), Slice::from(number.to_be_bytes()));
        let owned = self.owned(owner)? + 1;
        self.put(keys::owner(owner), Slice::from(owned.to_be_bytes()));
        let number = RoomNumber(number);
        self.rooms.insert(RoomMeta::begin(number, handshake.room.clone(), owner, handshake.next));
        Ok(number)
    }

    fn step_room(&mut self, number: RoomNumber, handshake: &Handshake) -> Result<Place, Stop> {
        let room = self.rooms.get(self.tables, number)?.ok_or(Refused::NoRoom)?;
        let place = Place { seq: room.advance(), time: self.now };
        room.step(handshake.next, place.seq);
        let record = records::encode(&RoomRecord::from(&*room));
        let head = EntryHead {
            time: self.now,
            generation: handshake.next.generation,
            kind: handshake.kind,
            sender: handshake.sender,
            id: handshake.id,
            expires_at: None,
        };
        self.write_entry(number, place.seq, &head, &handshake.body)?;
        self.put(keys::room(number), record);
        self.put_large(keys::state(number), Slice::from(handshake.state.as_ref()));
        Ok(place)
    }

    fn change_members(&mut self, number: RoomNumber, handshake: &Handshake, seq: Seq) -> Result<(), Stop> {
        if handshake.joined.is_empty() && handshake.left.is_empty() {
            return Ok(());
        }
        let members = keys::members(number);
        let mut uris = self.decoded::<Members>("members", &members)?.unwrap_or_default().uris()?;
        let left: HashSet<&MemberUri> = handshake.left.iter().collect();
        uris.retain(|uri| !left.contains(uri));
        uris.extend(handshake.joined.iter().cloned());
        self.put(members, records::encode(&Members::of(&uris)));
        for (_, device) in handshake.left.iter().filter_map(MemberUri::device) {
            self.remove(keys::removal(number, device));
            let part = keys::part(device, number);
            if let Some(record) = self.decoded::<Part>("a membership", &part)? {
                self.put(part, records::encode(&Part { until: Some(seq.0), ..record }));
            }
        }
        for (_, device) in handshake.joined.iter().filter_map(MemberUri::device) {
            self.put(keys::part(device, number), records::encode(&Part { from: seq.0, until: None }));
            self.remove(keys::cursor(device, number));
        }
        if uris.is_empty() {
            self.end_room(number)?;
        }
        Ok(())
    }

    fn end_room(&mut self, number: RoomNumber) -> Result<(), Stop> {
        let owner = self.rooms.get(self.tables, number)?.ok_or(Refused::NoRoom)?.owner;
        let owned = self.owned(owner)?.saturating_sub(1);
        self.put(keys::owner(owner), Slice::from(owned.to_be_bytes()));
        Ok(())
    }

    fn write_welcome(
        &mut self,
        number: RoomNumber,
        handshake: &Handshake,
        place: Place,
    ) -> Result<Vec<(DeviceId, u64)>, Stop> {
        let Some(welcome) = &handshake.welcome else { return Ok(Vec::new()) };
        let (generation, epoch) = (handshake.next.generation, handshake.next.epoch);
        let until = place.time.plus(REMEMBERED);
        self.put_large(keys::welcome(number, generation, epoch), Slice::from(welcome.message.as_ref()));
        self.put_large(keys::tree(number, generation, epoch), Slice::from(welcome.tree.as_ref()));
        let waiting = Waiting { pending: welcome.recipients.len() as u64, until: until.0 };
        self.put(keys::waiting(number, generation, epoch), records::encode(&waiting));
        self.expires(until, Thing::Welcome(number, generation, epoch));
        let record = InboxRecord {
            room: number.0,
            generation: generation.0,
            epoch,
            seq: place.seq.0,
            time: place.time.0,
        };
        let mut numbers = Vec::with_capacity(welcome.recipients.len());
        for device in &welcome.recipients {
            let inbox = self.inbox(*device)?;
            let item = inbox.last + 1;
            self.put(keys::inbox_item(*device, item), records::encode(&record));
            self.put(keys::inbox(*device), records::encode(&Inbox { last: item, ..inbox }));
            numbers.push((*device, item));
        }
        Ok(numbers)
    }
}
