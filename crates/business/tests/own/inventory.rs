//! The list of the own API's calls that is checked in.

use std::path::Path;

use lacre_business::own::inventory;
use lacre_business::own::routes::OWN_ROUTES;

#[test]
fn r55_the_list_that_is_checked_in_is_that_of_this_node() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/own-api.md");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let made = inventory::markdown();
    assert_eq!(made.lines().filter(|line| line.starts_with("| `")).count(), OWN_ROUTES.len());
    assert!(
        kept == made,
        "the own API has changed: look at it, then `cargo run -p lacre -- business openapi --own > docs/protocol/own-api.md`"
    );
}
