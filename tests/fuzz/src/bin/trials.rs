//! The target `trials` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::trials::run(bytes);
});
