//! What an operator does with a relay.

use crate::process::{Relay, lacre, run};

#[test]
fn a_relay_without_tls_stays_on_this_machine() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (tls, code) in [("off", "tls_needed"), ("self-signed", "certificate_needed")] {
        let mut command = lacre();
        command.args(["relay", "--json", "--listen", "0.0.0.0:0", "--tls", tls, "--data"]).arg(folder.path());
        run(&mut command).refused(2, code);
    }
    let mut command = lacre();
    let admin = ["--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"];
    command.args(["relay", "--json"]).args(admin).arg("--data").arg(folder.path());
    run(&mut command).refused(2, "admin_not_loopback");
}

#[test]
fn without_tls_two_people_on_one_machine_talk() {
    let relay = Relay::start(&["--tls", "off"]);
    assert!(relay.url.starts_with("http://127.0.0.1:"), "{}", relay.url);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "hello");
    assert_eq!(bruno.texts_from(&ana), ["hello"]);
}

#[test]
fn a_relay_moves_with_everything_that_waits_in_it() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "I am moving with you");
    let away = tempfile::tempdir().expect("a folder can be made");
    let file = away.path().join("export");
    let export = || {
        let mut command = lacre();
        command.args(["relay", "export", "--json", "--data"]).arg(relay.data()).arg("--to").arg(&file);
        run(&mut command)
    };
    export().refused(5, "folder_in_use");
    relay.stop();
    let export = |relay: &Relay| {
        let mut command = lacre();
        command.args(["relay", "export", "--json", "--data"]).arg(relay.data()).arg("--to").arg(&file);
        run(&mut command)
    };
    assert!(export(&relay).ok().object()["items"].as_u64().is_some_and(|items| items > 5));
    export(&relay).refused(4, "file_exists");

    // The new folder keeps the certificate that people have pinned, and is sealed with a key.
    let database = relay.data().join("relay.redb");
    std::fs::remove_file(&database).expect("the old database goes");
    let key = away.path().join("key");
    std::fs::write(&key, "5a".repeat(32)).expect("the key is written");
    let import = || {
        let mut command = lacre();
        command.args(["relay", "import", "--json", "--data"]).arg(relay.data());
        run(command.arg("--from").arg(&file).arg("--data-key-file").arg(&key))
    };
    import().ok();
    import().refused(4, "not_empty");
    let plain = run(lacre().args(["relay", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(relay.data()));
    plain.refused(6, "data_key");

    let relay = relay.again_with(&["--data-key-file", key.to_str().expect("a path in UTF-8")]);
    assert_eq!(relay.told()["sealed_at_rest"], true);
    assert_eq!(bruno.texts_from(&ana), ["I am moving with you"]);
    assert_eq!(bruno.send(&ana, "so am I")["state"], "sent");
}

#[test]
fn a_relay_moves_with_the_files_that_people_sent_or_says_that_it_does_not() {
    let mut relay = Relay::start(&[]);
    let (ana, bruno) = (relay.person("ana"), relay.person("bruno"));
    ana.send(&bruno, "hello");
    assert_eq!(bruno.texts_from(&ana), ["hello"]);
    bruno.send(&ana, "hello");
    let away = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| away.path().join(name);
    let film: Vec<u8> = (0..9_000_000_u32).flat_map(|at| [(at % 251) as u8]).collect();
    std::fs::write(path("film"), &film).expect("written");
    let film_at = path("film");
    let sent =
        ana.run(&["send", "bruno", "--file", film_at.to_str().expect("UTF-8"), "--json"]).ok().objects();
    let id = sent.last().expect("the message")["id"].as_str().expect("an id").to_owned();
    relay.stop();

    let data = relay.data();
    let moved = |command: &str, file: &str, name: &str, more: &[&str]| {
        let mut lacre = lacre();
        lacre.args(["relay", command, "--json", "--data"]).arg(&data).arg(file).arg(path(name)).args(more);
        run(&mut lacre)
    };
    let counts = |run: crate::process::Run| {
        let told = run.ok().objects().pop().expect("it tells");
        (told["files"].as_u64(), told["files_left_out"].as_u64())
    };
    assert_eq!(counts(moved("export", "--to", "whole", &[])), (Some(1), Some(0)));
    assert_eq!(counts(moved("export", "--to", "without", &["--without-files"])), (Some(0), Some(1)));
    std::fs::rename(data.join("blobs"), path("blobs")).expect("they go elsewhere");
    let refused = moved("export", "--to", "nothing", &[]).refused(4, "no_files");
    assert!(refused["message"].as_str().is_some_and(|why| why.contains("--without-files")), "{refused}");
    assert!(!path("nothing").exists());

    // One that is cut leaves no data, and what came of it goes on.
    std::fs::remove_file(data.join("relay.redb")).expect("the old database goes");
    let whole = std::fs::read(path("whole")).expect("it is there");
    std::fs::write(path("cut"), &whole[..whole.len() - 10]).expect("written");
    let refused = moved("import", "--from", "cut", &[]).refused(8, "bad_export");
    assert!(refused["message"].as_str().is_some_and(|why| why.contains("One file has come")), "{refused}");
    assert_eq!(counts(moved("import", "--from", "whole", &[])), (Some(1), Some(0)));
    relay = relay.again();
    let saved = path("saved");
    bruno.run(&["save", &id, "--to", saved.to_str().expect("UTF-8"), "--json"]).ok();
    assert!(std::fs::read(&saved).expect("saved") == film, "byte for byte");
    drop(relay);
}

#[test]
fn doctor_says_how_a_relay_is() {
    let relay = Relay::start(&["--admin", "127.0.0.1:0"]);
    let told = relay.told();
    let (address, admin) = (told["address"].as_str(), told["admin"].as_str());
    let doctor = |address: &str, admin: &str| {
        let mut command = lacre();
        command.args(["doctor", "--json", "--listen", address, "--admin", admin, "--data"]);
        run(command.arg(relay.data()))
    };
    let well = doctor(address.expect("an address"), admin.expect("an address")).ok().object();
    assert_eq!(well["healthy"], true);
    let verdict = |name: &str| {
        let checks = well["checks"].as_array().expect("checks");
        checks.iter().find(|check| check["name"] == name).expect("it is looked at")["verdict"].clone()
    };
    for name in
        ["version", "folder", "disk", "clock", "database", "files", "key", "certificate", "port", "admin"]
    {
        assert_eq!(verdict(name), "ok", "{name}");
    }
    assert_eq!(verdict("at rest"), "notice", "the folder is not sealed, and doctor says so");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(relay.data(), open).expect("permissions can be set");
    }
    let ill = doctor(address.expect("an address"), admin.expect("an address"));
    ill.refused(10, "unhealthy");
    assert_eq!(ill.object()["healthy"], false);
}

#[test]
fn a_folder_is_one_relays_at_a_time() {
    let relay = Relay::start(&[]);
    let second =
        run(lacre().args(["relay", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(relay.data()));
    second.refused(5, "folder_in_use");
}

#[test]
fn the_command_explains_itself() {
    let help = run(lacre().args(["help", "exit-codes"])).ok();
    for code in 0..=10 {
        assert!(help.stdout.contains(&format!("{code:>3}  ")), "exit code {code} is explained");
    }
    assert!(run(lacre().args(["completions", "bash"])).ok().stdout.contains("lacre"));
    assert_eq!(
        run(lacre().arg("--version")).ok().stdout.trim(),
        format!("lacre {}", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(run(lacre().arg("no-such-thing")).code, 2);
    run(lacre().args(["no-such-thing", "--json"])).refused(2, "usage");
    let help = run(lacre().arg("--help")).ok();
    assert!(!help.stdout.contains('\u{1b}'), "no colour when piped");
}
