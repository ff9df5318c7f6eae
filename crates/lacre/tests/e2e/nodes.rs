//! The bakery runs its node on two machines: one leads and tells its program what Ana writes; when it ends, the other
//! goes on.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::console::Bakery;
use crate::node::{Hears, ask};
use crate::process::{PASSPHRASE, Run, Running, lacre, run, texts, until};

/// The second machine.
struct Second {
    data: PathBuf,
    made: Value,
}

impl Second {
    /// Lets it in, as the people at both machines do.
    fn joins(bakery: &Bakery, name: &str) -> Self {
        let data = bakery.data().with_file_name(name);
        let url = &bakery.relay().url;
        let mut join = command(&data, &["join", "--relay", url, "--name", name, "--json"]);
        let mut join = Running::start(join.stdin(Stdio::piped()));
        let code = until("a code", || join.objects().into_iter().find(|it| it["event"] == "code"));
        let code = code["code"].as_str().expect("a code").to_owned();
        let mut add = Running::start(&mut bakery.command(&["nodes", "add", &code, "--json"]));
        let number = until("a number", || add.objects().into_iter().find(|it| it["state"] == "number"));
        assert_eq!(number["name"], name);
        let mut stdin = join.stdin();
        writeln!(stdin, "{}", number["number"].as_str().expect("a number")).expect("it reads");
        drop(stdin);
        let made = until("it is a node", || join.objects().into_iter().find(|it| it["app_id"].is_string()));
        assert_eq!(join.ended(), 0);
        let linked = until("it was let in", || add.objects().into_iter().find(|it| it["state"] == "linked"));
        assert!(linked["device"].is_string() && add.ended() == 0);
        Self { data, made }
    }

    fn says(&self, args: &[&str]) -> Run {
        run(command(&self.data, args).arg("--json"))
    }

    fn serves(&self) -> (Running, String) {
        let args = ["serve", "--listen", "127.0.0.1:0", "--allow-host", "127.0.0.1", "--json"];
        let node = Running::start(&mut command(&self.data, &args));
        let told = until("the node listens", || node.objects().first().cloned());
        until("its socket is there", || self.data.join("node.sock").exists().then_some(()));
        (node, told["address"].as_str().expect("an address").to_owned())
    }
}

fn command(data: &PathBuf, args: &[&str]) -> Command {
    let mut command = lacre();
    command.env("LACRE_PASSPHRASE", PASSPHRASE).arg("business").args(args).arg("--data").arg(data);
    command
}

/// Which device leads, by what one of the nodes says.
fn leader(listed: &Run) -> Option<Value> {
    let devices = listed.objects();
    devices.into_iter().find(|it| it["leads"] == true)
}

/// How often the program was told something that Ana wrote.
fn told(program: &Hears, words: &str) -> usize {
    let heard = program.heard.lock().expect("no panic");
    let values = heard.iter().map(|it| &it["entry"][0]["changes"][0]["value"]["messages"][0]["text"]);
    values.filter(|text| text["body"] == words).count()
}

#[test]
fn r18_of_two_nodes_one_tells_the_program_and_the_other_goes_on_when_it_ends() {
    let bakery = Bakery::new();
    let (mut first, _) = bakery.serve();
    let program = Hears::start();
    bakery.says(&["webhook", "set", &program.url, "--verify-token", "bread"]).ok();
    let ana = bakery.relay.person("ana");
    ana.run(&["send", "bakery", "before there were two"]).ok();
    let message = |words: &str| {
        program.find(words, |value| {
            let message = &value["messages"][0];
            (message["text"]["body"] == words).then(|| message.clone())
        })
    };
    let from = message("before there were two")["from"].clone();

    let second = Second::joins(&bakery, "standby");
    for id in ["app_id", "waba_id", "phone_number_id", "app_secret"] {
        assert_eq!(second.made[id], bakery.id(id), "programs know both by the same");
    }
    assert_ne!(second.made["access_token"], bakery.id("access_token"), "but tokens are each one's own");
    let (mut other, address_of_second) = second.serves();
    second.says(&["webhook", "set", &program.url, "--verify-token", "bread"]).ok();
    let leads = until("both know who leads", || {
        let (here, there) =
            (leader(&bakery.says(&["nodes", "list"]).ok()), leader(&second.says(&["nodes", "list"]).ok()));
        (here.is_some() && here.as_ref().map(|it| &it["device"]) == there.as_ref().map(|it| &it["device"]))
            .then_some(here?)
    });
    assert_eq!(leads["this"], true, "the one that was there");

    // What Ana writes comes to both, and is told once; both may answer her.
    ana.run(&["send", "bakery", "are you both there?"]).ok();
    until("the standby speaks to her", || {
        let text = json!({ "messaging_product": "whatsapp", "to": from, "type": "text", "text": { "body": "from the standby" } });
        let token = second.made["access_token"].as_str().expect("a token");
        let line = format!("POST /v23.0/{}/messages", bakery.id("phone_number_id"));
        let (status, sent) = ask(&address_of_second, token, &line, &text);
        (status == 200).then_some(sent)
    });
    until("Ana reads it", || {
        texts(ana.read(), "bakery").contains(&"from the standby".to_owned()).then_some(())
    });
    let delivered = program.find("the standby tells what became of it", |value| {
        let status = &value["statuses"][0];
        (status["status"] == "delivered").then(|| status.clone())
    });
    assert_eq!(delivered["recipient_id"], from, "the same customer by the same id");
    message("are you both there?");

    // Of a customer who wants nothing done with her data, neither speaks to her, wherever that was asked for.
    let from_digits = from.as_str().expect("digits").to_owned();
    let speaks = |words: &str| {
        let text =
            json!({ "messaging_product": "whatsapp", "to": from, "type": "text", "text": { "body": words } });
        let token = second.made["access_token"].as_str().expect("a token");
        let line = format!("POST /v23.0/{}/messages", bakery.id("phone_number_id"));
        ask(&address_of_second, token, &line, &text).0
    };
    bakery.says(&["customer", "restrict", &from_digits]).ok();
    until("the standby is silent", || (speaks("anybody?") != 200).then_some(()));
    second.says(&["customer", "restrict", &from_digits, "--lift"]).ok();
    assert_eq!(speaks("it was lifted here"), 200);
    let wants = || bakery.says(&["customer", "export", &from_digits]).ok().object();
    until("it is lifted at the leader", || wants()["restricted_since_ms"].is_null().then_some(()));

    // The leader stops: the other one leads, and goes on.
    first.terminate();
    assert_eq!(first.ended(), 0);
    let listed = || run(&mut command(&second.data, &["nodes", "list"])).ok();
    until("the standby knows how far it was", || listed().stdout.contains("was told, up to").then_some(()));
    ana.run(&["send", "bakery", "nobody there?"]).ok();
    let came = message("nobody there?");
    assert_eq!(came["from"], from);
    assert_eq!(told(&program, "nobody there?"), 1);
    assert_eq!(told(&program, "before there were two"), 1, "what was told long ago is not told again");
    // The first is back, and waits until it is told to lead.
    let (mut first, _) = bakery.serve();
    let this =
        |listed: &Run| listed.objects().into_iter().find(|it| it["this"] == true).expect("it is listed");
    until("it knows who leads", || leader(&bakery.says(&["nodes", "list"]).ok()));
    assert_eq!(this(&bakery.says(&["nodes", "list"]).ok())["leads"], false);
    other.kill();
    bakery.says(&["nodes", "lead"]).ok();
    ana.run(&["send", "bakery", "and now?"]).ok();
    message("and now?");

    // The second machine is lost: it is put out, and a secret that was rotated meanwhile it never learns.
    bakery.says(&["nodes", "remove", "standby"]).ok();
    until("it is gone", || (bakery.says(&["nodes", "list"]).ok().objects().len() == 1).then_some(()));
    bakery.says(&["nodes", "remove", "standby"]).refused(4, "not_found");
    let own = this(&bakery.says(&["nodes", "list"]).ok())["device"].as_str().expect("an id").to_owned();
    bakery.says(&["nodes", "remove", &own]).refused(4, "refused");
    bakery.says(&["nodes", "add", "no code"]).refused(2, "invalid");
    first.terminate();
    assert_eq!(first.ended(), 0);
    bakery.says(&["nodes", "list"]).refused(4, "node_not_serving");
}

/// Leaders are killed while Ana writes, one after the other: each word of hers is told, whoever tells it.
#[test]
fn r18_no_word_is_lost_when_one_leader_after_the_other_is_killed() {
    let bakery = Bakery::new();
    let (mut first, _) = bakery.serve();
    let program = Hears::start();
    bakery.says(&["webhook", "set", &program.url, "--verify-token", "bread"]).ok();
    let ana = bakery.relay.person("ana");
    ana.run(&["send", "bakery", "word 0"]).ok();
    until("she is heard", || (told(&program, "word 0") == 1).then_some(()));
    let second = Second::joins(&bakery, "standby");
    let (mut other, _) = second.serves();
    second.says(&["webhook", "set", &program.url, "--verify-token", "bread"]).ok();
    until("the standby is in the conversation", || {
        ana.run(&["send", "bakery", "are you both there?"]).ok();
        let listed = second.says(&["inbox", "list"]).ok().objects();
        (!listed.is_empty()).then_some(())
    });

    let is_over = AtomicBool::new(false);
    let wrote = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut count = 1;
            while !is_over.load(Ordering::SeqCst) {
                ana.run(&["send", "bakery", &format!("word {count}")]).ok();
                count += 1;
            }
            count
        });
        for round in 0..4 {
            thread::sleep(Duration::from_millis(700));
            match round % 2 {
                0 => {
                    first.kill();
                    second.says(&["nodes", "lead"]).ok();
                    thread::sleep(Duration::from_millis(700));
                    first = bakery.serve().0;
                }
                _ => {
                    other.kill();
                    bakery.says(&["nodes", "lead"]).ok();
                    thread::sleep(Duration::from_millis(700));
                    let _ = std::fs::remove_file(second.data.join("node.sock"));
                    other = second.serves().0;
                }
            }
        }
        is_over.store(true, Ordering::SeqCst);
        writing.join().expect("she wrote")
    });
    assert!(wrote > 8, "{wrote}");
    until("every word is told", || {
        let missing: Vec<_> = (0..wrote).filter(|it| told(&program, &format!("word {it}")) == 0).collect();
        missing.is_empty().then_some(())
    });
    let heard = program.heard.lock().expect("no panic");
    let mut ids = BTreeMap::new();
    for message in heard.iter().map(|it| &it["entry"][0]["changes"][0]["value"]["messages"][0]) {
        if let (Some(words), Some(id)) = (message["text"]["body"].as_str(), message["id"].as_str()) {
            let known = ids.entry(words.to_owned()).or_insert_with(|| id.to_owned());
            assert!(known == id || words.starts_with("are you"), "told again, it has the same id: {words}");
        }
    }
}
