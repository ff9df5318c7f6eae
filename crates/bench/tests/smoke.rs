//! Each workload once, small, on a real relay: that the figures are of something that happened.
//!
//! They need the `lacre` binary beside this program, where `cargo xtask test` puts it.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helpers too")]

use std::process::Command;

use serde_json::Value;

/// Runs the generator, and gives its lines. Fails with what it said.
fn bench(args: &[&str]) -> Vec<Value> {
    let out = Command::new(env!("CARGO_BIN_EXE_lacre-bench")).args(args).arg("--json").output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}{errors}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or_else(|| panic!("no {name} in {line}"))
}

#[test]
fn pairs_of_people_get_their_messages_once_each() {
    for pace in [&["--rate", "50"][..], &[]] {
        let args = [&["deliver", "--pairs", "3", "--seconds", "1", "--warm-up", "0.2"], pace].concat();
        let lines = bench(&args);
        let [line] = &lines[..] else { panic!("one line, not {lines:?}") };
        assert!(number(line, "msgs") >= 10.0, "{line}");
        assert_eq!((number(line, "lost"), number(line, "dups")), (0.0, 0.0), "{line}");
        assert!(number(line, "p50_ms") <= number(line, "p99_ms"), "{line}");
        assert_eq!(line["sealed"], "engine", "{line}");
    }
}

#[test]
fn what_is_stored_for_the_absent_is_there_when_they_come() {
    let lines = bench(&["store-drain", "--senders", "2", "--receivers", "4", "--count", "200"]);
    let [store, drain] = &lines[..] else { panic!("two lines, not {lines:?}") };
    assert_eq!((number(store, "msgs"), number(drain, "msgs")), (200.0, 200.0));
    assert_eq!((number(drain, "lost"), number(drain, "dups")), (0.0, 0.0), "{drain}");
}

#[test]
fn every_member_gets_every_message() {
    let args = ["fan-out", "--members", "6", "--senders", "2", "--seconds", "1", "--warm-up", "0.2"];
    let lines = bench(&args);
    assert!(number(&lines[0], "msgs") >= 10.0, "{lines:?}");
    assert_eq!((number(&lines[0], "lost"), number(&lines[0], "dups")), (0.0, 0.0), "{lines:?}");
}

#[test]
fn idle_connections_are_held_and_weighed() {
    let lines = bench(&["idle", "--connections", "20,200"]);
    assert_eq!(lines.iter().map(|line| number(line, "conns")).collect::<Vec<_>>(), [20.0, 200.0]);
    assert!(number(&lines[1], "kib_per_conn") > 0.0, "{lines:?}");
}

#[test]
fn large_frames_leave_no_connection_behind() {
    let lines = bench(&["idle", "--connections", "300", "--large-frames"]);
    assert_eq!(number(&lines[0], "conns"), 300.0, "{lines:?}");
}

#[test]
fn what_a_group_costs_is_measured_at_each_size() {
    let lines = bench(&["groups", "--leaves", "2,5", "--warm", "5"]);
    let [pair, group] = &lines[..] else { panic!("two lines, not {lines:?}") };
    assert_eq!((number(pair, "leaves"), number(group, "leaves")), (2.0, 5.0));
    for what in
        ["seal_ms", "open_ms", "add_ms", "join_ms", "update_ms", "process_ms", "add_bytes", "stored_bytes"]
    {
        assert!(number(pair, what) > 0.0 && number(group, what) > 0.0, "{what}: {lines:?}");
    }
    assert!(number(group, "warm_update_bytes") > 0.0, "{group}");
    // A commit that adds has no path: it costs the same in a group of any size.
    let (small, large) = (number(pair, "add_bytes"), number(group, "add_bytes"));
    assert!((small - large).abs() < 100.0, "{small} and {large} bytes");
}

#[test]
fn a_program_writes_through_a_node_and_hears_that_all_was_sent() {
    let lines = bench(&["business", "--customers", "2", "--messages", "60", "--connections", "4"]);
    let [line] = &lines[..] else { panic!("one line, not {lines:?}") };
    assert_eq!((number(line, "msgs"), number(line, "lost")), (60.0, 0.0), "{line}");
    assert!(number(line, "deliveries") >= 60.0 && number(line, "deliveries_per_s") > 0.0, "{line}");
    assert!(number(line, "p50_ms") <= number(line, "p99_ms"), "{line}");
}

#[test]
fn a_start_is_timed() {
    let lines = bench(&["start", "--times", "2"]);
    assert!(lines.iter().all(|line| number(line, "start_ms") > 0.0), "{lines:?}");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_relay_is_killed() {
    let lines = bench(&["crash", "--kills", "5", "--clients", "6", "--life-ms", "600"]);
    let line = &lines[0];
    assert!(number(line, "acked") >= 20.0, "{line}");
    for wrong in ["lost", "twice", "out_of_order", "unreadable"] {
        assert_eq!(number(line, wrong), 0.0, "{line}");
    }
}

#[test]
fn what_a_forgetful_relay_loses_is_seen() {
    let lines = bench(&["crash", "--forgetful", "--kills", "4", "--clients", "4", "--life-ms", "600"]);
    let lost = lines[0]["lost"].as_f64().is_some_and(|lost| lost > 0.0);
    assert!(lost || lines[0]["seen"].is_string(), "{}", lines[0]);
}
