//! The target `ts` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::ts::run(bytes);
});
