//! Whether an apply would change anything: exact, from the API server's own record of who owns which field.

mod compare;
mod fields;
mod quantity;

pub use compare::{Drift, DriftKind, drift};
pub use fields::{created_as_applied, owned, retain_managers};
pub use quantity::{bytes, same_amount};
