//! Bytes of a peer after the TLS handshake; the property is in `siptls_probe_engine::sip::harness::check`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| siptls_probe_engine::sip::harness::check(data));
