//! The target `record` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::record::run(bytes);
});
