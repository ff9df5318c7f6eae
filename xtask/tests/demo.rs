//! The first thing that a newcomer sees: `cargo xtask up --demo`, with the binary of this build.

use std::path::Path;
use std::process::Command;

#[test]
fn a_newcomer_sees_what_bruno_reads_beside_what_the_relay_held() {
    let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
    let lacre = xtask.with_file_name("lacre");
    assert!(lacre.exists(), "{} is not built: the tests run with --workspace", lacre.display());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{}", std::process::id()));
    let output = Command::new(xtask).arg("demo").arg(&lacre).arg(&folder).output().expect("it runs");
    let shown = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{errors}");
    for line in [
        "what Bruno reads                    what the relay held",
        "ana: Olá, Bruno! Are you coming on",
        "place 2, epoch",
        "0 of 3 texts found",
        "the handle `bruno` and the conversation's number found",
    ] {
        assert!(shown.contains(line), "there is no {line:?} in\n{shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "too wide:\n{shown}");
    assert!(!folder.exists(), "its folder stayed");
}
