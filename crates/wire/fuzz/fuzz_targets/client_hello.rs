//! Any bytes as a ClientHello: parse of print is equal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| siptls_wire::fuzzing::client_hello(bytes));
