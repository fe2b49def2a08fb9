//! Domain types of the services and their transitions: pure, no I/O. Stored by `control-plane/store-sql`.

#![warn(missing_docs)]

mod change;
mod device;
mod flow;
mod provider;
mod sealed;
mod session;
mod user;

pub use change::{Change, ChangeKind, ChangeLine, ChangesAnswer, UnreadChange};
pub use device::{
    Admission, CERTIFICATE_LIFETIME, CertificateLife, Device, DeviceKey, DeviceRefusal, MAX_DEVICES,
    RENEW_BEFORE, admit,
};
pub use flow::{
    CODE_FLOW_LIFETIME, DEFAULT_INTERVAL, Flow, FlowId, FlowIdError, MAX_FLOW_LIFETIME, Person, PollStep,
    RefusedBy, Stage, Way,
};
pub use provider::{ProviderRecord, ProviderRef};
pub use sealed::Sealed;
pub use session::{
    ASK_EVERY, Ended, RETRY_EVERY, Session, SessionId, SessionIdError, SessionRefusal, SessionStep,
};
pub use user::{Enrolment, EnrolmentRefusal, Subject, User, enrol, handle_of};
