//! Container images without a container engine: the services' release programs on a few files of Debian, with a bill
//! of materials beside each, the same bytes wherever they are made. `cargo xtask images` is the command line
//! (src/bin/images.rs); the test clusters make their own images with [`image`].

mod contents;
pub mod digest;
pub mod image;
mod leaks;
mod making;
mod packages;
mod release;
mod reproduce;
mod sbom;
mod services;

pub use contents::findings;
pub use leaks::{Leak, leaks};
pub use making::{Made, make};
pub use packages::{Package, locked, update};
pub use release::{Commit, Tree};
pub use reproduce::reproduce;
pub use sbom::{Contents, document};
pub use services::{SERVICES, Service};
