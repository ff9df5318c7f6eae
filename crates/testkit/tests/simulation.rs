//! Two hundred lives of twelve people with thirty devices: `cargo xtask simulate` lives any number.

use lacre_testkit::simulation::{Report, Size, simulate};

/// The seeds of one test: several tests, so that they share the cores.
fn lives(seeds: std::ops::Range<u64>) {
    let mut sum = Report::default();
    for seed in seeds {
        println!("once more: cargo xtask simulate --seeds 1 --first {seed}");
        sum.add(&simulate(seed, Size::WEEKS));
    }
    println!("{sum:?}");
    assert!(sum.rows > 1000 && sum.commits > 100, "too little was lived");
}

#[test]
fn all_devices_agree_in_the_end_1_of_8() {
    lives(1..26);
}

#[test]
fn all_devices_agree_in_the_end_2_of_8() {
    lives(26..51);
}

#[test]
fn all_devices_agree_in_the_end_3_of_8() {
    lives(51..76);
}

#[test]
fn all_devices_agree_in_the_end_4_of_8() {
    lives(76..101);
}

#[test]
fn all_devices_agree_in_the_end_5_of_8() {
    lives(101..126);
}

#[test]
fn all_devices_agree_in_the_end_6_of_8() {
    lives(126..151);
}

#[test]
fn all_devices_agree_in_the_end_7_of_8() {
    lives(151..176);
}

#[test]
fn all_devices_agree_in_the_end_8_of_8() {
    lives(176..201);
}
