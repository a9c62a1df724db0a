#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| waypost_fuzz::entries::mmdb::run(input, &waypost_fuzz::CpuClock));
