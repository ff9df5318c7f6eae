#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lacre_fuzz::txt_answer(bytes));
