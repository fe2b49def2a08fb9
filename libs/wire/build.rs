//! Compiles the .proto files in pure Rust, so that no protoc is needed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["wickr/relay/v1/relay.proto", "wickr/content/v1/content.proto"], ["proto"])?;
    prost_build::Config::new().bytes([".wickr.relay.v1"]).compile_fds(files)?;
    Ok(())
}
