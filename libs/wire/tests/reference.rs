//! docs/reference/problems.md is made from the table in src/problem.rs. `WICKR_WRITE=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use wickr_wire::ProblemCode;

const HEAD: &str = "# Problem codes

Generated from `libs/wire/src/problem.rs` by `WICKR_WRITE=1 cargo test -p wickr-wire --test reference`.

One table for the relay's frames (`Refusal.code`, `Goodbye.code`) and for HTTP (RFC 9457, `application/problem+json`, `type` is `urn:wickr:problem:CODE`). A code never changes its meaning; `detail` is for people and may change. A client that meets a code it doesn't know goes by the HTTP status.

| code | HTTP status | title |
|---|---|---|
";

#[test]
fn the_page_of_problem_codes_is_what_the_table_says() {
    let mut page = HEAD.to_owned();
    for code in ProblemCode::ALL {
        writeln!(page, "| `{code}` | {} | {} |", code.status(), code.title()).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/problems.md");
    if std::env::var_os("WICKR_WRITE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "stale: run 'WICKR_WRITE=1 cargo test -p wickr-wire --test reference'");
}
