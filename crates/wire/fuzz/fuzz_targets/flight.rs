//! Any bytes as a server's first flight: all are accounted for, any split gives the same events.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| siptls_wire::fuzzing::flight(bytes));
