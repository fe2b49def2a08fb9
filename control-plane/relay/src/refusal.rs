//! Why the relay did not do what a frame asked: the code and a text for a person; metrics count the codes.

use wickr_base::Generation;
use wickr_store::queue::{Refused as StoreRefused, RoomMeta, StoreError};
use wickr_wire::ProblemCode;
use wickr_wire::relay::Refusal as WireRefusal;

use crate::limits::Limit;
use crate::submit::Unanswered;

/// A refusal is an answer like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ProblemCode,
    pub(crate) detail: String,
    /// Where the room stands, when that is what did not match.
    pub(crate) at: Option<(Generation, u64)>,
    /// When to ask again; 0 where waiting changes nothing, or nobody knows for how long.
    pub(crate) retry_after_ms: u64,
    /// The rate that was reached.
    pub(crate) limit: Option<Limit>,
    /// What failed inside, in words for the log alone.
    pub(crate) fault: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), at: None, retry_after_ms: 0, limit: None, fault: None }
    }

    pub(crate) fn malformed(what: &str) -> Self {
        Self::new(ProblemCode::Malformed, format!("{what} can't be read; send it as the protocol says"))
    }

    pub(crate) fn too_large(what: &str, limit: usize) -> Self {
        Self::new(ProblemCode::TooLarge, format!("{what} may have at most {limit} bytes; send less"))
    }

    pub(crate) fn not_a_member(room: &str) -> Self {
        let detail = format!("this device is not a member of \"{room}\"; ask a member to add it");
        Self::new(ProblemCode::NotAMember, detail)
    }

    pub(crate) fn no_room(room: &str) -> Self {
        Self::new(ProblemCode::NotFound, format!("there is no room \"{room}\" here, or not for this device"))
    }

    pub(crate) fn internal(what: &str) -> Self {
        Self::new(ProblemCode::Internal, format!("{what} failed inside the relay; try again later"))
    }

    pub(crate) fn busy() -> Self {
        Self::new(ProblemCode::Busy, "the relay has more to write than it can take in; try again in a moment")
    }

    /// Why, for the log: the cause where it is kept from the device.
    pub(crate) fn cause(&self) -> &str {
        self.fault.as_deref().unwrap_or(&self.detail)
    }

    pub(crate) fn wire(&self) -> WireRefusal {
        let (generation, epoch) = self.at.unwrap_or_default();
        WireRefusal {
            code: self.code.as_str().to_owned(),
            detail: self.detail.clone(),
            epoch,
            generation: generation.0,
            retry_after_ms: self.retry_after_ms,
        }
    }

    /// The same with the place where the room stands, for codes that tell it.
    pub(crate) fn placed(mut self, meta: &RoomMeta) -> Self {
        if matches!(self.code, ProblemCode::StaleEpoch | ProblemCode::StaleGeneration) {
            self.at = Some((meta.generation, meta.epoch));
        }
        self
    }
}

impl From<wickr_e2ee::Refused> for Refusal {
    fn from(refused: wickr_e2ee::Refused) -> Self {
        Self::new(refused.code, refused.detail)
    }
}

impl From<StoreRefused> for Refusal {
    fn from(refused: StoreRefused) -> Self {
        match refused {
            StoreRefused::NoRoom => Self::new(ProblemCode::NotFound, "there is no such room here"),
            StoreRefused::RoomExists => {
                Self::new(ProblemCode::AlreadyExists, "there is a room of this id; choose another id")
            }
            StoreRefused::StaleGeneration { generation, epoch } => {
                let detail = format!("the room goes by generation {generation}; process the log, seal again");
                Self { at: Some((generation, epoch)), ..Self::new(ProblemCode::StaleGeneration, detail) }
            }
            StoreRefused::StaleEpoch { generation, epoch } => {
                let detail = format!("the room is at epoch {epoch}; process the log, seal again");
                Self { at: Some((generation, epoch)), ..Self::new(ProblemCode::StaleEpoch, detail) }
            }
            StoreRefused::Conflict => {
                Self::new(ProblemCode::Busy, "another handshake of the room came between; submit it again")
            }
            StoreRefused::Expired => {
                Self::new(ProblemCode::Expired, "the message expires before anybody could read it")
            }
            StoreRefused::TooManyRooms => {
                Self::new(ProblemCode::TooMany, "this person has as many rooms as one may create; leave some")
            }
            StoreRefused::Full(device) => {
                let detail = format!("device \"{device}\" has as much waiting for it as it may have");
                Self::new(ProblemCode::TooMany, detail)
            }
            StoreRefused::OldStore { seen } => Self::new(
                ProblemCode::OldStore,
                format!(
                    "this device was seen with a later state of its store (revision {seen}): the profile is a copy \
                     of an earlier time, or another copy of it has signed in; sign in as a new device and revoke \
                     this one"
                ),
            ),
            StoreRefused::Revoked(device) => {
                Self::new(ProblemCode::DeviceRevoked, format!("device \"{device}\" has been revoked"))
            }
        }
    }
}

impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Busy => Self::busy(),
            Unanswered::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => {
                let detail = "the relay's volume is full; try again when its operator has made room";
                Self::new(ProblemCode::StorageFull, detail)
            }
            StoreError::Closed => {
                Self::new(ProblemCode::Busy, "the relay's store is not open at this moment; try again soon")
            }
            StoreError::Failed { .. } | StoreError::Unreadable { .. } => {
                Self { fault: Some(error.to_string()), ..Self::internal("storing") }
            }
        }
    }
}
