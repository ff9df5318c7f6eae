//! Two hundred lives of twelve people with thirty devices: `cargo xtask simulate` lives any number.

use lacre_testkit::simulation::{Report, Size, simulate};

/// The seeds of one test: several tests, so that they share the cores. All are lived, whatever becomes of one.
fn lives(seeds: std::ops::Range<u64>) {
    let mut sum = Report::default();
    let mut apart = Vec::new();
    for seed in seeds {
        match std::panic::catch_unwind(|| simulate(seed, Size::WEEKS)) {
            Ok(report) => sum.add(&report),
            Err(_) => apart.push(seed),
        }
    }
    println!("{sum:?}");
    assert!(
        apart.is_empty(),
        "not all agree in the end of {apart:?}; each once more: cargo xtask simulate --seeds 1 --first SEED"
    );
    assert!(sum.rows > 500 && sum.commits > 100, "too little was lived");
}

#[test]
fn all_devices_agree_in_the_end_1_of_20() {
    lives(1..11);
}

#[test]
fn all_devices_agree_in_the_end_2_of_20() {
    lives(11..21);
}

#[test]
fn all_devices_agree_in_the_end_3_of_20() {
    lives(21..31);
}

#[test]
fn all_devices_agree_in_the_end_4_of_20() {
    lives(31..41);
}

#[test]
fn all_devices_agree_in_the_end_5_of_20() {
    lives(41..51);
}

#[test]
fn all_devices_agree_in_the_end_6_of_20() {
    lives(51..61);
}

#[test]
fn all_devices_agree_in_the_end_7_of_20() {
    lives(61..71);
}

#[test]
fn all_devices_agree_in_the_end_8_of_20() {
    lives(71..81);
}

#[test]
fn all_devices_agree_in_the_end_9_of_20() {
    lives(81..91);
}

#[test]
fn all_devices_agree_in_the_end_10_of_20() {
    lives(91..101);
}

#[test]
fn all_devices_agree_in_the_end_11_of_20() {
    lives(101..111);
}

#[test]
fn all_devices_agree_in_the_end_12_of_20() {
    lives(111..121);
}

#[test]
fn all_devices_agree_in_the_end_13_of_20() {
    lives(121..131);
}

#[test]
fn all_devices_agree_in_the_end_14_of_20() {
    lives(131..141);
}

#[test]
fn all_devices_agree_in_the_end_15_of_20() {
    lives(141..151);
}

#[test]
fn all_devices_agree_in_the_end_16_of_20() {
    lives(151..161);
}

#[test]
fn all_devices_agree_in_the_end_17_of_20() {
    lives(161..171);
}

#[test]
fn all_devices_agree_in_the_end_18_of_20() {
    lives(171..181);
}

#[test]
fn all_devices_agree_in_the_end_19_of_20() {
    lives(181..191);
}

#[test]
fn all_devices_agree_in_the_end_20_of_20() {
    lives(191..201);
}
