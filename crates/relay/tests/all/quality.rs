//! How far a shop may go (ADR 0045): a spammer is stopped, an honest shop grows, and one angry customer sinks nobody.

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_proto::wire::{self, Category, lookup, request::Op, response::Result as R};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Handle};
use lacre_relay::limits::RateLimits;
use lacre_relay::services::{Business, BusinessError, Quality, ReportParty, Settings};
use lacre_store::data::Data;
use lacre_store::memory::MemoryData;

use crate::business::{DAY, DONE, HOUR, by_hand, claim, claim_of, grant, publish, put_signed};
use crate::world::{NOW, Person, Socket, World, accepted, addition, create, public, send, welcome};

/// Dedupe values from here on are of sends: a conversation was made with a lower one.
const FIRST: u64 = 100;

/// A shop, and customers of it who have all consented once.
struct Town {
    world: World,
    data: MemoryData,
    shop: Person,
    its: Socket<MemoryData>,
    customers: Vec<Customer>,
    dedupe: u64,
}

struct Customer {
    person: Person,
    socket: Socket<MemoryData>,
    talk: ConversationId,
    revision: u64,
}

fn settings() -> Settings {
    Settings { rates: RateLimits::lifted(), ..Settings::default() }
}

fn shop() -> Handle {
    "shop".parse().unwrap()
}

impl Town {
    fn new(customers: usize) -> Self {
        let data = MemoryData::new();
        let world = World::over(data.clone(), settings());
        let (person, mut its) = world.sign_up("shop");
        publish(&mut its);
        let handle = shop();
        let added = world.services.add_business(&handle, claim_of("shop"), world.now);
        added.now_or_never().unwrap().unwrap();
        let mut town = Self { world, data, shop: person, its, customers: Vec::new(), dedupe: FIRST };
        (0..customers).for_each(|n| town.settle(n));
        // Their windows, which their own words had opened, are closed again.
        town.pass(2 * DAY);
        town
    }

    /// One more customer, who consents to everything.
    fn settle(&mut self, n: usize) {
        let (person, mut socket) = self.world.sign_up(&format!("customer{n}"));
        socket.now = self.world.now;
        let ticket = claim(&mut socket, &self.shop).unwrap();
        let talk = ConversationId::try_from(&(n as u128 + 1).to_be_bytes()[..]).unwrap();
        let additions = vec![addition(socket.ticket(), Bytes::new()), addition(ticket, welcome("shop"))];
        accepted(self.world.connect().ask(Op::CreateConversation(create(talk, additions, 1))));
        self.customers.push(Customer { person, socket, talk, revision: 0 });
        self.consent(n, &[Category::Service, Category::Marketing]);
    }

    fn consent(&mut self, n: usize, to: &[Category]) {
        let Customer { person, socket, revision, .. } = &mut self.customers[n];
        *revision += 1;
        let grant = grant(person, &self.shop, to, *revision, self.world.now);
        assert_eq!(put_signed(socket, person, &grant), DONE);
    }

    fn suspend(&mut self, suspended: bool) {
        let handle = shop();
        let done = self.world.services.suspend_business(&handle, suspended, self.world.now);
        done.now_or_never().unwrap().unwrap();
    }

    fn block(&mut self, n: usize) {
        let account = self.shop.account.to_wire();
        assert_eq!(self.customers[n].socket.ask(Op::Block(wire::Block { account })), DONE);
    }

    /// The shop writes to a customer.
    fn write(&mut self, n: usize, category: Category) -> Result<(), ErrorCode> {
        self.dedupe += 1;
        self.write_as(n, category, self.dedupe)
    }

    fn write_as(&mut self, n: usize, category: Category, dedupe: u64) -> Result<(), ErrorCode> {
        let send = Some(send(self.customers[n].talk, 1, "psst", dedupe));
        self.its.ask(Op::NamedSend(wire::NamedSend { send, category: category.into() })).map(drop)
    }

    fn pass(&mut self, time: u64) {
        self.world.now += time;
        self.its.now = self.world.now;
        self.customers.iter_mut().for_each(|it| it.socket.now = self.world.now);
    }

    fn verify(&self) {
        let handle = shop();
        let verified = self.world.services.verify_business(&handle, by_hand(), self.world.now);
        verified.now_or_never().unwrap().unwrap();
    }

    fn seen(&self) -> Business {
        self.world.services.find_business(&shop(), self.world.now).now_or_never().unwrap().unwrap()
    }

    fn stands(&self) -> (Quality, Option<u64>, u64) {
        let standing = self.seen().standing;
        (standing.quality, standing.daily_limit, standing.reached)
    }

    /// The relay dies, and comes back over what it had stored.
    fn crash(&mut self) {
        let now = self.world.now;
        self.world = World::over(self.data.clone(), settings());
        self.world.now = now;
        self.its = self.world.login(&self.shop);
        for customer in &mut self.customers {
            customer.socket = self.world.login(&customer.person);
        }
    }

    fn rows(&self, table: u8) -> usize {
        let (from, to) = (Bytes::from(vec![table]).into(), Bytes::from(vec![table + 1]).into());
        self.data.scan(&from, &to, 1_000).now_or_never().unwrap().unwrap().len()
    }
}

/// The stated number: five victims who complain stop the offers, and who is not verified writes to nobody any more.
#[test]
fn r22_a_spammer_is_stopped_by_the_fifth_victim_who_complains() {
    let mut town = Town::new(40);
    let mut written = 0;
    for n in 0..40 {
        match town.write(n, Category::Marketing) {
            Ok(()) => written += 1,
            Err(refused) => assert_eq!(refused, ErrorCode::MarketingPaused),
        }
        // Every victim has had enough with the first message: some say stop, some take offers back, some block.
        match n % 3 {
            0 => town.consent(n, &[]),
            1 => town.consent(n, &[Category::Service]),
            _ => town.block(n),
        }
    }
    assert_eq!(written, 5);
    assert_eq!(town.stands(), (Quality::Red, Some(0), 5));
    // Nor by another name for it, to those who have not complained.
    town.settle(40);
    town.pass(2 * DAY);
    assert_eq!(town.write(40, Category::Service), Err(ErrorCode::MessagingLimit));
    assert_eq!(town.write(40, Category::Marketing), Err(ErrorCode::MarketingPaused));
    // Whoever writes to it themselves is answered.
    let op = wire::NamedSend {
        send: Some(send(town.customers[40].talk, 1, "olá", 7_000)),
        category: Category::Service.into(),
    };
    assert!(town.customers[40].socket.ask(Op::NamedSend(op)).is_ok());
    assert_eq!(town.write(40, Category::Service), Ok(()));
    assert_eq!(town.write(40, Category::Marketing), Err(ErrorCode::MarketingPaused), "but with no offers");
}

#[test]
fn r22_where_one_in_ten_complains_a_spammer_is_stopped_within_fifty() {
    let mut town = Town::new(60);
    let mut written = 0;
    for n in 0..60 {
        if town.write(n, Category::Marketing).is_err() {
            break;
        }
        written += 1;
        if n % 10 == 9 {
            town.consent(n, &[]);
        }
    }
    assert_eq!(written, 50);
    assert_eq!(town.stands(), (Quality::Red, Some(0), 50));
}

#[test]
fn r22_one_angry_customer_changes_nothing_whatever_they_do() {
    let mut town = Town::new(4);
    assert_eq!(town.write(0, Category::Marketing), Ok(()));
    town.consent(0, &[Category::Service]);
    town.consent(0, &[]);
    town.consent(0, &[Category::Marketing]);
    town.consent(0, &[]);
    town.block(0);
    assert_eq!(town.stands(), (Quality::Green, Some(50), 1));
    // Nor do those who were never written to.
    (1..4).for_each(|n| town.consent(n, &[]));
    assert_eq!(town.stands(), (Quality::Green, Some(50), 1));
}

#[test]
fn r22_three_who_complain_are_a_warning_and_after_seven_days_all_is_forgotten() {
    let mut town = Town::new(20);
    (0..20).for_each(|n| assert_eq!(town.write(n, Category::Marketing), Ok(())));
    (0..3).for_each(|n| town.consent(n, &[]));
    assert_eq!(town.stands().0, Quality::Yellow);
    assert_eq!(town.write(10, Category::Marketing), Ok(()), "a warning stops nothing");
    (3..5).for_each(|n| town.block(n));
    assert_eq!(town.stands().0, Quality::Red);
    town.pass(6 * DAY);
    assert_eq!(town.stands().0, Quality::Red);
    assert_eq!(town.write(10, Category::Marketing), Err(ErrorCode::MarketingPaused));
    town.pass(DAY);
    assert_eq!(town.stands(), (Quality::Green, Some(50), 0));
    assert_eq!(town.write(10, Category::Marketing), Ok(()));
    // Whom it had reached before is known no more.
    while town.world.services.sweep(town.world.now, 7).now_or_never().unwrap().unwrap() > 0 {}
    for _ in 0..10 {
        town.world.services.sweep(town.world.now, 7).now_or_never().unwrap().unwrap();
    }
    assert_eq!((town.rows(0x57), town.rows(0x4d)), (1, 1), "the one of today");
}

#[test]
fn r22_who_complains_late_is_forgotten_with_those_who_were_reached() {
    let mut town = Town::new(100);
    town.verify();
    (0..100).for_each(|n| assert_eq!(town.write(n, Category::Marketing), Ok(())));
    town.pass(5 * DAY);
    (0..5).for_each(|n| town.consent(n, &[]));
    assert_eq!(town.stands().0, Quality::Yellow, "five of a hundred");
    town.pass(2 * DAY);
    assert_eq!((town.stands().0, town.stands().2), (Quality::Green, 0), "a week ago is forgotten, they too");
    (5..10).for_each(|n| assert_eq!(town.write(n, Category::Marketing), Ok(()), "{n}"));
    assert_eq!(town.stands().0, Quality::Green);
}

#[test]
fn r22_an_honest_shop_climbs_and_falls_a_step_when_it_is_honest_no_more() {
    let mut town = Town::new(130);
    assert_eq!(town.stands(), (Quality::Green, Some(50), 0));
    (0..50).for_each(|n| assert_eq!(town.write(n, Category::Service), Ok(())));
    assert_eq!(town.write(50, Category::Service), Err(ErrorCode::MessagingLimit));
    assert_eq!(
        town.write(0, Category::Service),
        Ok(()),
        "whom it has reached today it may go on to write to"
    );
    // A day later the day is over; and it is verified now.
    town.verify();
    town.pass(DAY);
    assert_eq!(town.stands(), (Quality::Green, Some(250), 0));
    (50..124).for_each(|n| assert_eq!(town.write(n, Category::Service), Ok(())));
    assert_eq!(town.stands().1, Some(250));
    assert_eq!(town.write(124, Category::Service), Ok(()));
    assert_eq!(town.stands(), (Quality::Green, Some(2_000), 75), "half of 250 in a week");
    for n in 0..13 {
        town.consent(n, &[]);
    }
    assert_eq!(town.stands(), (Quality::Red, Some(250), 75), "13 of 125, and one step is the most in a day");
    assert_eq!(town.write(100, Category::Marketing), Err(ErrorCode::MarketingPaused));
    assert_eq!(town.write(100, Category::Service), Ok(()), "its customers hear of their orders");
    town.pass(7 * DAY);
    assert_eq!(town.stands(), (Quality::Green, Some(250), 0));
}

#[test]
fn what_is_said_within_a_window_reaches_nobody_anew() {
    let mut town = Town::new(1);
    let op = wire::NamedSend {
        send: Some(send(town.customers[0].talk, 1, "olá", 7_000)),
        category: Category::Service.into(),
    };
    assert!(town.customers[0].socket.ask(Op::NamedSend(op)).is_ok());
    assert_eq!(town.write(0, Category::Service), Ok(()));
    assert_eq!((town.stands().2, town.rows(0x57)), (0, 0));
}

#[test]
fn when_a_customer_wrote_last_is_kept_no_longer_than_it_counts() {
    let mut town = Town::new(1);
    let op = wire::NamedSend {
        send: Some(send(town.customers[0].talk, 1, "olá", 7_000)),
        category: Category::Service.into(),
    };
    assert!(town.customers[0].socket.ask(Op::NamedSend(op)).is_ok());
    let windows = |town: &Town| {
        town.world.services.sweep(town.world.now, 7).now_or_never().unwrap().unwrap();
        town.rows(0x4c)
    };
    town.pass(DAY - 1);
    assert_eq!((windows(&town), town.write(0, Category::Service)), (1, Ok(())));
    town.pass(2);
    assert_eq!(windows(&town), 0);
}

#[test]
fn r22_after_a_crash_it_is_counted_as_before_and_what_is_said_again_counts_once() {
    let mut town = Town::new(55);
    for n in 0..25 {
        assert_eq!(town.write(n, Category::Service), Ok(()));
        if n % 5 == 0 {
            town.crash();
            assert_eq!(town.write_as(n, Category::Service, town.dedupe), Ok(()), "said again");
        }
    }
    assert_eq!(town.stands(), (Quality::Green, Some(50), 25));
    (25..50).for_each(|n| assert_eq!(town.write(n, Category::Service), Ok(())));
    town.crash();
    assert_eq!(town.write(50, Category::Service), Err(ErrorCode::MessagingLimit));
    (0..5).for_each(|n| town.consent(n, &[]));
    town.crash();
    assert_eq!(town.stands(), (Quality::Red, Some(0), 50));
    town.pass(23 * HOUR);
    assert_eq!(town.stands().2, 50);
    town.pass(HOUR);
    assert_eq!(town.stands().2, 0);
}

#[test]
fn r22_all_that_is_sent_at_once_is_counted_and_none_over_the_limit_passes() {
    let mut town = Town::new(60);
    let mut answers = Vec::new();
    for n in 0..60 {
        let send = Some(send(town.customers[n].talk, 1, "psst", FIRST + n as u64));
        let op = wire::NamedSend { send, category: Category::Service.into() };
        answers.push(town.its.begin(Op::NamedSend(op)));
    }
    let passed = answers.into_iter().map(|answer| town.its.frame(answer).unwrap());
    let passed = passed.filter(|body| match body {
        wire::server_frame::Body::Response(response) => matches!(response.result, Some(R::Accepted(_))),
        _ => false,
    });
    assert_eq!(passed.count(), 50);
    assert_eq!(town.stands(), (Quality::Green, Some(50), 50));
}

#[test]
fn a_shop_is_told_how_it_stands_and_nobody_else_is() {
    let mut town = Town::new(1);
    assert_eq!(town.write(0, Category::Service), Ok(()));
    let by = Some(lookup::By::Account(town.shop.account.to_wire()));
    let told = |socket: &mut Socket<MemoryData>| match socket.ask(Op::Lookup(wire::Lookup { by: by.clone() }))
    {
        Ok(R::Account(account)) => account.standing,
        other => panic!("{other:?}"),
    };
    let quality = wire::Quality::Green.into();
    let standing = wire::BusinessStanding { quality, daily_limit: Some(50), reached: 1, suspended: false };
    assert_eq!(told(&mut town.its).as_deref(), Some(&standing));
    town.suspend(true);
    assert_eq!(told(&mut town.its).as_deref(), Some(&wire::BusinessStanding { suspended: true, ..standing }));
    town.suspend(false);
    assert_eq!(told(&mut town.its).as_deref(), Some(&standing));
    assert_eq!(told(&mut town.customers[0].socket), None);
}

#[test]
fn r22_a_report_that_the_operator_has_read_counts_once_and_only_as_its_makers() {
    let mut town = Town::new(10);
    (0..10).for_each(|n| assert_eq!(town.write(n, Category::Service), Ok(())));
    let party = |of: &Person, key: &Person| ReportParty {
        account: of.account,
        identity_key: public(&key.identity).to_vec(),
    };
    let by = |town: &Town, author: &Person, reporter: ReportParty| {
        let author = party(author, author);
        let services = &town.world.services;
        services.count_report(&shop(), &author, &reporter, town.world.now).now_or_never().unwrap()
    };
    let report = |town: &Town, of: &Person, key: &Person| by(town, &town.shop, party(of, key));
    for n in [0, 0, 0, 0, 0, 1] {
        let person = &town.customers[n].person;
        assert!(report(&town, person, person).is_ok());
    }
    assert_eq!(town.stands().0, Quality::Green);
    let (ana, bruno) = (&town.customers[2].person, &town.customers[3].person);
    assert_eq!(report(&town, ana, bruno).map(drop), Err(BusinessError::NoSuchReporter));
    let nobody = Person { account: AccountId([9; 16]), ..ana.clone() };
    assert_eq!(report(&town, &nobody, ana).map(drop), Err(BusinessError::NoSuchReporter));
    assert_eq!(by(&town, bruno, party(ana, ana)).map(drop), Err(BusinessError::NotTheAuthor));
    assert_eq!(report(&town, ana, ana).unwrap().standing.quality, Quality::Yellow);
    assert!(town.world.now > NOW);
}
