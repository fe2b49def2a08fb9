//! The readable part of a framed message (RFC 9420 section 6), read in place: no group state, no copy of the content.

use mls_rs::group::Sender;
use wickr_base::GroupId;
use wickr_wire::content::Outer;

use crate::Refused;
use crate::codec::Reader;
use crate::outer::read_outer;

/// `ProtocolVersion` mls10 (section 6).
const MLS_10: u16 = 1;
/// `WireFormat` (section 17.2).
const PUBLIC_MESSAGE: u16 = 1;
const PRIVATE_MESSAGE: u16 = 2;
/// `ContentType` (section 6).
const APPLICATION: u8 = 1;
const PROPOSAL: u8 = 2;
const COMMIT: u8 = 3;
/// `ProposalType` remove (section 17.4).
const REMOVE: u16 = 3;

/// What anyone sees of an application message: `PrivateMessage` of RFC 9420 section 6.3.
///
/// Guaranteed by parsing: the input is exactly one MLSMessage in its canonical form. Not checked, because it can't be
/// without the group's secrets: the sender, and whether `authenticated_data` is what the sender wrote; receivers check.
#[derive(Clone, Copy, Debug)]
pub struct ApplicationHeader<'a> {
    /// The MLS group id; compare with `Observer::group_id_bytes`, or read it with `group`.
    pub group_id: &'a [u8],
    /// The epoch it was sealed in.
    pub epoch: u64,
    /// The encoded `Outer`.
    pub authenticated_data: &'a [u8],
}

impl<'a> ApplicationHeader<'a> {
    /// Reads the header of `message`. Refused: anything but an application message, with `handshake-encrypted` for a
    /// commit or proposal inside a PrivateMessage, else `malformed`.
    pub fn parse(message: &'a [u8]) -> Result<Self, Refused> {
        match Framing::parse(message) {
            Some(Framing::Private { group_id, epoch, content_type: APPLICATION, authenticated_data }) => {
                Ok(Self { group_id, epoch, authenticated_data })
            }
            Some(Framing::Private { .. }) => Err(Refused::encrypted_handshake()),
            _ => Err(Refused::unreadable("the application message")),
        }
    }

    /// The group it is for; `malformed` if the id is not one of our form.
    pub fn group(&self) -> Result<GroupId, Refused> {
        GroupId::from_bytes(self.group_id).map_err(|error| Refused::malformed(error.to_string()))
    }

    /// The outer envelope (`read_outer`).
    pub fn outer(&self) -> Result<Outer, Refused> {
        read_outer(self.authenticated_data)
    }
}

/// A framed message as far as it is readable.
#[derive(Debug)]
pub(crate) enum Framing<'a> {
    Public { group_id: &'a [u8], epoch: u64, sender: Sender, content: Content },
    Private { group_id: &'a [u8], epoch: u64, content_type: u8, authenticated_data: &'a [u8] },
}

/// What a PublicMessage carries; of a proposal only the one kind that may stand alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Application,
    Removal { target: u32 },
    OtherProposal,
    Commit,
}

impl<'a> Framing<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(message);
        let (MLS_10, wire_format) = (reader.u16()?, reader.u16()?) else { return None };
        let (group_id, epoch) = (reader.vector()?, reader.u64()?);
        match wire_format {
            PUBLIC_MESSAGE => {
                let sender = match reader.u8()? {
                    1 => Sender::Member(reader.u32()?),
                    2 => Sender::External(reader.u32()?),
                    3 => Sender::NewMemberProposal,
                    4 => Sender::NewMemberCommit,
                    _ => return None,
                };
                reader.vector()?;
                let content = match reader.u8()? {
                    APPLICATION => Content::Application,
                    PROPOSAL if reader.u16()? == REMOVE => Content::Removal { target: reader.u32()? },
                    PROPOSAL => Content::OtherProposal,
                    COMMIT => Content::Commit,
                    _ => return None,
                };
                Some(Self::Public { group_id, epoch, sender, content })
            }
            PRIVATE_MESSAGE => {
                let content_type = reader.u8()?;
                let authenticated_data = reader.vector()?;
                reader.vector()?;
                reader.vector()?;
                let known = (APPLICATION..=COMMIT).contains(&content_type);
                (known && reader.is_empty()).then_some(Self::Private {
                    group_id,
                    epoch,
                    content_type,
                    authenticated_data,
                })
            }
            _ => None,
        }
    }
}

impl Refused {
    pub(crate) fn encrypted_handshake() -> Self {
        Self::new(
            wickr_wire::ProblemCode::HandshakeEncrypted,
            "commits and proposals must be PublicMessages: the relay has to read them to follow the group",
        )
    }
}
