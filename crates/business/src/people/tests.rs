use lacre_store::memory::MemoryData;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const NOW: Millis = 1_760_000_000_000;
const MINUTE: Millis = 60_000;
const PASSWORD: &str = "pão de queijo às 10";

struct Bakery {
    people: People<MemoryData>,
    rng: StdRng,
}

impl Bakery {
    fn new() -> Self {
        let people = People::new(Store(MemoryData::default()), "Padaria".to_owned());
        Self { people, rng: StdRng::seed_from_u64(5) }
    }

    async fn add(&mut self, by: By<'_>, login: &str, role: Role) -> Result<u64, PeopleError> {
        let new = New { login: login.to_owned(), ..somebody(role) };
        self.people.add(by, new, NOW, &mut self.rng).await.map(|(person, _)| person.id)
    }

    async fn with(role: Role) -> (Self, u64) {
        let mut bakery = Self::new();
        let id = bakery.add(By::Operator, "ana", role).await.expect("taken in");
        (bakery, id)
    }

    async fn code(&self, id: u64, now: Millis) -> String {
        self.people.row(id).await.expect("a row").totp.now(now)
    }

    async fn enter(
        &mut self,
        login: &str,
        password: &str,
        code: &str,
        now: Millis,
    ) -> Result<(SessionSecret, Actor), PeopleError> {
        self.enter_from(1, login, password, code, now).await
    }

    /// The same from one of several addresses.
    async fn enter_from(
        &mut self,
        from: u8,
        login: &str,
        password: &str,
        code: &str,
        now: Millis,
    ) -> Result<(SessionSecret, Actor), PeopleError> {
        let from = Some([192, 0, 2, from].into());
        let claim = Claim { login, password: Zeroizing::new(password.to_owned()), code, from };
        self.people.sign_in(claim, now, &mut self.rng).await
    }
}

fn somebody(role: Role) -> New {
    let password = Zeroizing::new(PASSWORD.to_owned());
    New { login: "ana".to_owned(), name: "Ana".to_owned(), role, inboxes: None, password }
}

fn actor(role: Role, inboxes: &[&str]) -> Actor {
    let inboxes = (!inboxes.is_empty()).then(|| inboxes.iter().map(|it| (*it).to_owned()).collect());
    let person = Person { id: 99, login: "x".into(), name: "X".into(), role, inboxes, since: 0 };
    Actor { person }
}

#[tokio::test]
async fn ana_signs_in_is_seen_as_she_is_now_and_signs_out() {
    let (mut bakery, id) = Bakery::with(Role::Agent).await;
    let code = bakery.code(id, NOW).await;
    let (secret, actor) = bakery.enter("ana", PASSWORD, &code, NOW).await.expect("in");
    assert_eq!((actor.person().id, format!("{secret:?}").as_str()), (id, "SessionSecret(..)"));
    let seen = bakery.people.session(secret.expose(), NOW + MINUTE).await.expect("in");
    assert!(seen.may(Action::Answer, Some("shop")) && !seen.may(Action::Assign, Some("shop")));
    bakery.people.change(By::Operator, id, Some(Role::Supervisor), None).await.expect("changed");
    let seen = bakery.people.session(secret.expose(), NOW + MINUTE).await.expect("in");
    assert!(seen.may(Action::Assign, Some("shop")), "from the next request on");
    for bad in ["", "lacre_bs_", &secret.expose()[1..], &secret.expose().replace("bs", "bt")] {
        assert_eq!(bakery.people.session(bad, NOW).await, Err(PeopleError::NoSession));
    }
    bakery.people.sign_out(secret.expose()).await.expect("out");
    assert_eq!(bakery.people.session(secret.expose(), NOW + MINUTE).await, Err(PeopleError::NoSession));
}

#[tokio::test]
async fn a_session_ends_when_it_rests_when_it_is_old_and_when_something_about_its_person_is_reset() {
    let (mut bakery, id) = Bakery::with(Role::Owner).await;
    let mut now = NOW;
    let code = bakery.code(id, now).await;
    let (secret, _) = bakery.enter("ana", PASSWORD, &code, now).await.expect("in");
    while now + IDLE < NOW + LIFE {
        now += IDLE - 1;
        assert!(bakery.people.session(secret.expose(), now).await.is_ok(), "{now}");
    }
    assert_eq!(bakery.people.session(secret.expose(), NOW + LIFE).await, Err(PeopleError::NoSession));

    let now = NOW + LIFE;
    let code = bakery.code(id, now).await;
    let (secret, _) = bakery.enter("ana", PASSWORD, &code, now).await.expect("in");
    assert_eq!(bakery.people.session(secret.expose(), now + IDLE).await, Err(PeopleError::NoSession));
    assert!(bakery.people.session(secret.expose(), now + 1).await.is_ok());
    let password = Zeroizing::new("another one of these".to_owned());
    bakery.people.reset(By::Operator, id, password, &mut bakery.rng).await.expect("reset");
    assert_eq!(bakery.people.session(secret.expose(), now + 1).await, Err(PeopleError::NoSession));

    bakery.people.prune(now + LIFE).await.expect("pruned");
    let sessions = Key::new(table::PERSON, &[b"s"]);
    let rows =
        bakery.people.store.0.scan(&sessions, &crate::store::end_of(&sessions), 10).await.expect("rows");
    assert_eq!(rows, []);
}

#[tokio::test]
async fn a_wrong_password_a_wrong_code_a_used_code_and_nobody_look_the_same() {
    let (mut bakery, id) = Bakery::with(Role::Agent).await;
    let code = bakery.code(id, NOW).await;
    let long = "p".repeat(PASSWORD_MAX + 1);
    for (login, password, code) in [
        ("ana", "pão de queijo às 11", code.as_str()),
        ("ana", PASSWORD, "000000"),
        ("ana", "", ""),
        ("bruno", PASSWORD, &code),
        ("", PASSWORD, &code),
        (&long, PASSWORD, &code),
        ("bia", &long, &code),
    ] {
        assert_eq!(bakery.enter(login, password, code, NOW).await.err(), Some(PeopleError::Wrong), "{login}");
    }
    assert!(bakery.enter("ana", PASSWORD, &code, NOW).await.is_ok());
    assert_eq!(
        bakery.enter("ana", PASSWORD, &code, NOW).await.err(),
        Some(PeopleError::Wrong),
        "it was used"
    );
    let next = bakery.code(id, NOW + 30_000).await;
    assert!(bakery.enter("ana", PASSWORD, &next, NOW + 30_000).await.is_ok());
}

#[tokio::test]
async fn guessing_has_to_wait_longer_and_longer_whether_there_is_somebody_or_not() {
    let (mut bakery, id) = Bakery::with(Role::Agent).await;
    for login in ["ana", "nobody"] {
        let mut now = NOW;
        for _ in 0..5 {
            assert_eq!(bakery.enter(login, "wrong", "000000", now).await.err(), Some(PeopleError::Wrong));
        }
        for wait in [30_000, 60_000, 120_000] {
            // Not even what is right is looked at.
            let code = bakery.code(id, now).await;
            let refused = bakery.enter(login, PASSWORD, &code, now + wait - 1).await.err();
            assert_eq!(refused, Some(PeopleError::Wait(now + wait)), "{login}");
            now += wait;
            assert_eq!(bakery.enter(login, "wrong", "000000", now).await.err(), Some(PeopleError::Wrong));
        }
    }
    let later = NOW + 24 * 60 * MINUTE;
    let code = bakery.code(id, later).await;
    assert!(bakery.enter("ana", PASSWORD, &code, later).await.is_ok());
    // And from then on five are free again.
    assert_eq!(bakery.enter("ana", "wrong", "000000", later).await.err(), Some(PeopleError::Wrong));
}

#[tokio::test]
async fn who_has_the_password_does_not_guess_the_code_from_many_addresses() {
    let (mut bakery, id) = Bakery::with(Role::Owner).await;
    for from in 2..7 {
        let wrong = bakery.enter_from(from, "ana", PASSWORD, "nonsense", NOW).await.err();
        assert_eq!(wrong, Some(PeopleError::Wrong));
    }
    let waits = bakery.enter_from(7, "ana", PASSWORD, "nonsense", NOW).await.err();
    assert_eq!(waits, Some(PeopleError::Wait(NOW + 30_000)));
    // Floods at other logins make no room for more.
    for n in 0..200_u64 {
        let mut attempts = bakery.people.attempts();
        for m in 0..100_u64 {
            assert_eq!(attempts.begin(&format!("{n} {m}"), None, NOW + 1), Ok(()));
        }
    }
    let waits = bakery.enter_from(8, "ana", PASSWORD, "nonsense", NOW + 29_999).await.err();
    assert_eq!(waits, Some(PeopleError::Wait(NOW + 30_000)));
    let wrong = bakery.enter_from(9, "ana", PASSWORD, "nonsense", NOW + 30_000).await.err();
    assert_eq!(wrong, Some(PeopleError::Wrong));
    let code = bakery.code(id, NOW + 90_000).await;
    assert!(bakery.enter_from(10, "ana", PASSWORD, &code, NOW + 90_000).await.is_ok());
    // She is in: five are free again, and a reset gives her five more.
    for from in 11..16 {
        let wrong = bakery.enter_from(from, "ana", PASSWORD, "nonsense", NOW + 90_000).await.err();
        assert_eq!(wrong, Some(PeopleError::Wrong));
    }
    let password = Zeroizing::new(PASSWORD.to_owned());
    bakery.people.reset(By::Operator, id, password, &mut bakery.rng).await.expect("reset");
    let code = bakery.code(id, NOW + 90_001).await;
    assert!(bakery.enter_from(16, "ana", PASSWORD, &code, NOW + 90_001).await.is_ok());
}

#[tokio::test]
async fn who_guesses_elsewhere_keeps_nobody_out_and_a_reset_forgets_what_was_tried() {
    let (mut bakery, id) = Bakery::with(Role::Owner).await;
    for from in 2..20 {
        for _ in 0..5 {
            let wrong = bakery.enter_from(from, "ana", "wrong", "000000", NOW).await.err();
            assert_eq!(wrong, Some(PeopleError::Wrong));
        }
        let waits = bakery.enter_from(from, "ana", "wrong", "000000", NOW).await.err();
        assert_eq!(waits, Some(PeopleError::Wait(NOW + 30_000)), "{from}");
    }
    let code = bakery.code(id, NOW).await;
    assert!(bakery.enter_from(1, "ana", PASSWORD, &code, NOW).await.is_ok(), "she is elsewhere");

    // Who tries one login after the other from one address waits too, and nobody else does.
    for n in 0..30 {
        let wrong = bakery.enter_from(40, &format!("nobody{n}"), "wrong", "000000", NOW).await.err();
        assert_eq!(wrong, Some(PeopleError::Wrong));
    }
    let waits = bakery.enter_from(40, "one more", "wrong", "000000", NOW).await.err();
    assert_eq!(waits, Some(PeopleError::Wait(NOW + 30_000)));

    // She has forgotten her password, and was given another.
    for _ in 0..6 {
        bakery.enter_from(50, "ana", "wrong", "000000", NOW).await.err();
    }
    let password = Zeroizing::new(PASSWORD.to_owned());
    bakery.people.reset(By::Operator, id, password, &mut bakery.rng).await.expect("reset");
    let code = bakery.code(id, NOW).await;
    assert!(bakery.enter_from(50, "ana", PASSWORD, &code, NOW).await.is_ok());
}

#[tokio::test]
async fn what_is_not_said_of_a_person_stays_whoever_changes_it_at_the_same_time() {
    let (bakery, id) = Bakery::with(Role::Agent).await;
    let shop = || Some(Some(BTreeSet::from(["shop".to_owned()])));
    let (role, inboxes) = tokio::join!(
        bakery.people.change(By::Operator, id, Some(Role::Supervisor), None),
        bakery.people.change(By::Operator, id, None, shop()),
    );
    assert_eq!(role.map(|it| it.role), Ok(Role::Supervisor));
    let person = inboxes.expect("changed");
    assert_eq!((person.role, Some(person.inboxes)), (Role::Supervisor, shop()));
}

#[tokio::test]
async fn many_attempts_at_once_are_many() {
    let (bakery, _) = Bakery::with(Role::Agent).await;
    let mut all = tokio::task::JoinSet::new();
    for seed in 0..12 {
        let people = bakery.people.clone();
        all.spawn(async move {
            let mut rng = StdRng::seed_from_u64(seed);
            let password = Zeroizing::new("wrong".to_owned());
            let claim = Claim { login: "ana", password, code: "000000", from: None };
            people.sign_in(claim, NOW, &mut rng).await.err()
        });
    }
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|it| **it == Some(PeopleError::Wrong)).count(), 5);
}

#[tokio::test]
async fn an_agent_sees_the_inboxes_that_are_theirs() {
    let agent = actor(Role::Agent, &["shop", "repairs"]);
    assert!(agent.may(Action::Read, Some("shop")) && agent.may(Action::Answer, Some("repairs")));
    assert!(!agent.may(Action::Read, Some("law")) && !agent.may(Action::Read, None));
    assert!(actor(Role::Agent, &[]).may(Action::Read, Some("law")));
    let supervisor = actor(Role::Supervisor, &["shop"]);
    assert!(supervisor.may(Action::CannedReplies, None) && !supervisor.may(Action::Assign, Some("law")));
    assert!(!actor(Role::Auditor, &[]).may(Action::Read, Some("shop")));
}

#[tokio::test]
async fn nobody_lifts_anybody_above_themselves_and_an_owner_stays() {
    let (mut bakery, owner) = Bakery::with(Role::Owner).await;
    let agent = bakery.add(By::Operator, "bruno", Role::Agent).await.expect("taken in");
    for role in [Role::Admin, Role::Supervisor, Role::Agent, Role::Auditor, Role::Developer] {
        let actor = actor(role, &[]);
        let by = By::Actor(&actor);
        let refused = PeopleError::NotAllowed;
        assert_eq!(bakery.add(by, "mallory", Role::Owner).await, Err(refused.clone()), "{role:?}");
        assert_eq!(
            bakery.people.change(by, agent, Some(Role::Owner), None).await.err(),
            Some(refused.clone())
        );
        assert_eq!(
            bakery.people.change(by, owner, Some(Role::Agent), None).await.err(),
            Some(refused.clone())
        );
        assert_eq!(bakery.people.remove(by, owner).await, Err(refused.clone()));
        let password = Zeroizing::new("another one of these".to_owned());
        let reset = bakery.people.reset(by, owner, password, &mut bakery.rng).await.err();
        assert_eq!(reset, Some(refused.clone()));
        let removes = bakery.people.change(by, agent, Some(Role::Agent), None).await.map(drop);
        assert_eq!(removes, if role == Role::Admin { Ok(()) } else { Err(refused) });
    }
    assert_eq!(bakery.people.remove(By::Operator, owner).await, Err(PeopleError::LastOwner));
    let demoted = bakery.people.change(By::Operator, owner, Some(Role::Admin), None).await;
    assert_eq!(demoted, Err(PeopleError::LastOwner));
    bakery.people.change(By::Operator, agent, Some(Role::Owner), None).await.expect("lifted");
    bakery.people.remove(By::Operator, owner).await.expect("removed");
    assert_eq!(bakery.people.list().await.expect("all").len(), 1);
    assert_eq!(bakery.people.remove(By::Operator, owner).await, Err(PeopleError::Unknown));
    let again = bakery.add(By::Operator, "ana", Role::Agent).await.expect("taken in");
    assert!(again > agent, "a number is never given twice");
}

#[tokio::test]
async fn what_makes_no_sense_is_not_taken_in_and_a_login_is_one_persons() {
    let (mut bakery, _) = Bakery::with(Role::Owner).await;
    assert_eq!(bakery.add(By::Operator, "ana", Role::Agent).await, Err(PeopleError::Taken));
    let many = (0..=INBOXES_MAX).map(|it| it.to_string()).collect();
    for bad in [
        New { login: String::new(), ..somebody(Role::Agent) },
        New { login: "Ana".into(), ..somebody(Role::Agent) },
        New { login: "a b".into(), ..somebody(Role::Agent) },
        New { login: "a".repeat(65), ..somebody(Role::Agent) },
        New { login: "bia".into(), name: "a\nb".into(), ..somebody(Role::Agent) },
        New { login: "bia".into(), name: String::new(), ..somebody(Role::Agent) },
        New { login: "bia".into(), inboxes: Some(many), ..somebody(Role::Agent) },
        New { login: "bia".into(), password: Zeroizing::new("short".into()), ..somebody(Role::Agent) },
        New { login: "bia".into(), password: Zeroizing::new("p".repeat(257)), ..somebody(Role::Agent) },
    ] {
        let refused = bakery.people.add(By::Operator, bad, NOW, &mut bakery.rng).await.err();
        assert!(matches!(refused, Some(PeopleError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(bakery.people.list().await.expect("all").len(), 1);
    let new = New { login: "bia".into(), ..somebody(Role::Agent) };
    assert!(!format!("{new:?}").contains("pão"));
    let (_, enrolment) = bakery.people.add(By::Operator, new, NOW, &mut bakery.rng).await.expect("taken in");
    assert!(enrolment.expose().starts_with("otpauth://totp/Padaria:bia?secret="));
    assert_eq!(format!("{enrolment:?}"), "Enrolment(..)");
}
