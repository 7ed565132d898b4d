//! The target `genome` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::genome::run(bytes);
});
