use lacre_store::memory::MemoryData;

use super::*;

const ANA: AccountId = AccountId([0xa; 16]);

fn act(what: &str) -> Act {
    Act { who: Who::Token(7), what: what.to_owned(), subject: None, detail: String::new() }
}

/// A log of so many rows, one a second.
async fn log_of(count: u64) -> Audit<MemoryData> {
    let audit = Audit::new(Store(MemoryData::default()), [1; 32]);
    for n in 1..=count {
        audit.append(act(&format!("act.{n}")), n * 1_000).await.expect("written");
    }
    audit
}

async fn row(audit: &Audit<MemoryData>, number: u64) -> Row {
    audit.store.read("a row", &key_of(number)).await.expect("read").expect("a row")
}

async fn put(audit: &Audit<MemoryData>, under: u64, row: &Row) {
    audit.store.write(Batch::new().put(key_of(under), bytes_of(row))).await.expect("written");
}

async fn set_end(audit: &Audit<MemoryData>, count: u64) {
    let last = row(audit, count).await;
    let end = End { count, at: last.at, hash: last.hash() };
    audit.store.write(Batch::new().put(end_key(), bytes_of(&end))).await.expect("written");
}

/// Somebody who can write everything makes a chain of their own from a row on.
async fn rechain(audit: &Audit<MemoryData>, from: u64, count: u64, change: impl Fn(&mut Row)) {
    let mut before = if from == 1 { BEGINNING } else { row(audit, from - 1).await.hash() };
    for number in from..=count {
        let mut row = row(audit, number).await;
        row.before = before;
        if number == from {
            change(&mut row);
        }
        before = row.hash();
        put(audit, number, &row).await;
    }
    set_end(audit, count).await;
}

async fn broken(audit: &Audit<MemoryData>, known: &[Head]) -> Broken {
    match audit.verify(known).await {
        Err(AuditError::Broken(broken)) => broken,
        other => panic!("it should be broken: {other:?}"),
    }
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_whole_against_every_head_it_ever_had() {
    let audit = log_of(0).await;
    let mut heads = vec![audit.head().await.expect("a head")];
    for n in 1..=20 {
        audit.append(act("act"), n).await.expect("written");
        heads.push(audit.head().await.expect("a head"));
    }
    assert_eq!(audit.verify(&heads).await, Ok(heads[20]));
    heads.reverse();
    assert_eq!(audit.verify(&heads).await, Ok(heads[0]));
    let text = heads[0].to_string();
    assert_eq!(text.parse(), Ok(heads[0]));
    for bad in ["", "lacre-audit 1 2 3", &text[..text.len() - 1], &text.replace("audit", "log")] {
        assert_eq!(bad.parse::<Head>(), Err(NotAHead));
    }
}

#[tokio::test]
async fn an_edited_row_is_named() {
    for number in 1..=5 {
        for edit in [
            (|row| row.act.who = Who::Token(8)) as fn(&mut Row),
            |row| row.at += 1,
            |row| row.act.detail = "nothing".to_owned(),
            |row| row.act.subject = Some(Pseudonym([0; 16])),
            |row| row.before = [0; 32],
            |row| row.number += 1,
        ] {
            let audit = log_of(5).await;
            let mut edited = row(&audit, number).await;
            edit(&mut edited);
            put(&audit, number, &edited).await;
            assert_eq!(broken(&audit, &[]).await, Broken::Changed(number));
        }
    }
}

#[tokio::test]
async fn a_removed_row_a_cut_tail_and_two_that_were_exchanged_are_named() {
    for number in 1..=5 {
        let audit = log_of(5).await;
        audit.store.write(Batch::new().delete(key_of(number))).await.expect("removed");
        let known = if number == 5 { Broken::Cut(5) } else { Broken::Removed(number) };
        assert_eq!(broken(&audit, &[]).await, known);
    }
    let audit = log_of(5).await;
    let (second, third) = (row(&audit, 2).await, row(&audit, 3).await);
    put(&audit, 2, &third).await;
    put(&audit, 3, &second).await;
    assert_eq!(broken(&audit, &[]).await, Broken::Changed(2));

    // Whoever cuts the tail and mends the end is caught by a head that is known outside.
    let audit = log_of(5).await;
    let known = audit.head().await.expect("a head");
    audit.store.write(Batch::new().delete(key_of(5)).delete(key_of(4))).await.expect("removed");
    set_end(&audit, 3).await;
    assert!(audit.verify(&[]).await.is_ok());
    assert_eq!(broken(&audit, &[known]).await, Broken::Cut(4));

    // A row that was added past the node is one too many.
    let audit = log_of(5).await;
    let before = row(&audit, 5).await.hash();
    put(&audit, 6, &Row { number: 6, at: 6_000, act: act("forged"), before }).await;
    assert_eq!(broken(&audit, &[]).await, Broken::Changed(6));
}

#[tokio::test]
async fn a_chain_that_was_written_anew_is_caught_between_two_heads() {
    let audit = log_of(3).await;
    let early = audit.head().await.expect("a head");
    for n in 4..=9 {
        audit.append(act("act"), n * 1_000).await.expect("written");
    }
    let late = audit.head().await.expect("a head");
    rechain(&audit, 6, 9, |row| row.act.who = Who::Token(8)).await;
    assert!(audit.verify(&[early]).await.is_ok(), "by itself it is a chain");
    assert_eq!(broken(&audit, &[late, early]).await, Broken::Rewritten(4, 9));
}

#[tokio::test]
async fn a_clock_that_went_back_is_named_and_one_that_was_set_right_is_not() {
    let audit = log_of(2).await;
    let right = audit.append(act("act"), 2_000 - CLOCK_SLACK.min(1_999)).await.expect("written");
    assert_eq!(right.at, 2_000);
    assert!(audit.verify(&[]).await.is_ok());
    audit.append(act("act"), 1_000_000).await.expect("written");
    audit.append(act("act"), 1_000_000 - CLOCK_SLACK - 1).await.expect("written");
    audit.append(act("act"), 2_000_000).await.expect("written");
    assert_eq!(broken(&audit, &[]).await, Broken::ClockBack(5));
}

#[tokio::test]
async fn a_row_is_shown_to_be_in_the_log_of_a_head_that_is_known() {
    let audit = log_of(7).await;
    let head = audit.head().await.expect("a head");
    audit.append(act("later"), 8_000).await.expect("written");
    for number in 1..=7 {
        let (row, proof) = audit.proof(number, head.count).await.expect("read").expect("a proof");
        assert_eq!(row.number, number);
        assert!(proof.holds(&row.leaf(), &head.root));
        let other = Row { at: row.at + 1, ..row };
        assert!(!proof.holds(&other.leaf(), &head.root));
    }
    for (number, count) in [(0, 7), (8, 7), (1, 0), (1, 9), (u64::MAX, u64::MAX)] {
        assert_eq!(audit.proof(number, count).await, Ok(None));
    }
}

#[tokio::test]
async fn rows_are_found_by_who_what_when_and_about_whom() {
    let audit = log_of(3).await;
    let subject = Some(audit.pseudonym(ANA));
    let export = Act { who: Who::Person(2), subject, ..act("customer.export") };
    audit.append(export, 4_000).await.expect("written");
    let found = async |filter: Filter, limit| {
        let rows = audit.list(&filter, limit).await.expect("read");
        rows.iter().map(|it| it.number).collect::<Vec<_>>()
    };
    let all = Filter::default();
    assert_eq!(found(all.clone(), 10).await, [1, 2, 3, 4]);
    assert_eq!(found(all.clone(), 2).await, [1, 2]);
    assert!(found(all.clone(), 0).await.is_empty());
    assert_eq!(found(Filter { after: 2, ..all.clone() }, 10).await, [3, 4]);
    assert_eq!(found(Filter { from: Some(2_000), to: Some(4_000), ..all.clone() }, 10).await, [2, 3]);
    assert_eq!(found(Filter { who: Some(Who::Person(2)), ..all.clone() }, 10).await, [4]);
    assert_eq!(found(Filter { what: Some("act.".into()), ..all.clone() }, 10).await, [1, 2, 3]);
    assert_eq!(found(Filter { subject, ..all }, 10).await, [4]);
    let other = Audit::new(audit.store.clone(), [2; 32]);
    assert_ne!(audit.pseudonym(ANA), other.pseudonym(ANA));
    assert_ne!(audit.pseudonym(ANA).0, ANA.0);
}

#[tokio::test]
async fn a_detail_cannot_look_like_another_row_and_has_an_end() {
    let audit = log_of(0).await;
    let detail = format!("a\r\n2 forged\u{1b}[2J{}", "é".repeat(DETAIL_MAX));
    let row = audit.append(Act { detail, ..act("act") }, 1).await.expect("written");
    assert!(row.act.detail.starts_with("a  2 forged [2Jéé"));
    assert!(row.act.detail.len() <= DETAIL_MAX && row.act.detail.len() >= DETAIL_MAX - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_at_once_come_one_after_the_other() {
    let audit = log_of(0).await;
    let other = Audit::new(audit.store.clone(), [1; 32]);
    let mut all = tokio::task::JoinSet::new();
    for n in 0..40 {
        let audit = if n % 2 == 0 { audit.clone() } else { other.clone() };
        all.spawn(async move { audit.append(act("act"), 1_000).await.expect("written").number });
    }
    let mut numbers = all.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    assert!(audit.verify(&[]).await.is_ok());
}
