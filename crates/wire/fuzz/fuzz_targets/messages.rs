//! Any bytes as each message of a server's flight: parse of print is equal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| siptls_wire::fuzzing::messages(bytes));
