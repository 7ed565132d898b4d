//! The target `code` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::code::run(bytes);
});
