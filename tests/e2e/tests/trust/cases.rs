//! What is sent, who is trusted, and what both verifiers are to say of it.

use crate::certificates::HOST;

/// One chain as one endpoint sends it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Certificates in the order sent, the leaf first.
    pub(crate) sent: &'static [&'static str],
    /// Trusted.
    pub(crate) roots: &'static [&'static str],
    pub(crate) host: &'static str,
    pub(crate) profile: &'static str,
    /// Lists that OpenSSL is given; this program fetches its own. None: revocation is not compared.
    pub(crate) lists: &'static [&'static str],
    /// Judged as of so many days from now.
    pub(crate) days: Option<i64>,
    /// The compared checks that do not pass, with their status.
    pub(crate) here: &'static [(&'static str, &'static str)],
    /// What summary, evidence, remedy or `chain.problem` must say.
    pub(crate) says: &'static [&'static str],
    /// `OK`, or the errors with their depths.
    pub(crate) openssl: &'static str,
    pub(crate) differs: Option<Differs>,
}

/// Why the two verdicts differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Differs {
    pub(crate) why: &'static str,
    /// Which of the two a caller from Genesys is likely to follow.
    pub(crate) caller: &'static str,
}

/// Everything that was sent and that stands for bytes that are no certificate.
pub(crate) const RUBBISH: &str = "rubbish";

const COMPLETE: &str = "chain-complete";
const TRUSTED: &str = "chain-trusted-by-peer";
const DATES: &str = "certificate-dates";
const USAGE: &str = "eku-server-auth";
const NAME: &str = "server-name-matches";
const REVOKED: &str = "certificate-not-revoked";

impl Case {
    fn new(name: &'static str, sent: &'static [&'static str], roots: &'static [&'static str]) -> Self {
        Self {
            name,
            sent,
            roots,
            host: HOST,
            profile: "sip-tls-generic",
            lists: &[],
            days: None,
            here: &[],
            says: &[],
            openssl: "OK",
            differs: None,
        }
    }

    fn host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    fn profile(self, profile: &'static str) -> Self {
        Self { profile, ..self }
    }

    fn lists(self, lists: &'static [&'static str]) -> Self {
        Self { lists, ..self }
    }

    fn in_days(self, days: i64) -> Self {
        Self {
            days: Some(days),
            ..self
        }
    }

    fn here(self, here: &'static [(&'static str, &'static str)], says: &'static [&'static str]) -> Self {
        Self { here, says, ..self }
    }

    fn openssl(self, openssl: &'static str) -> Self {
        Self { openssl, ..self }
    }

    fn differs(self, why: &'static str, caller: &'static str) -> Self {
        Self {
            differs: Some(Differs { why, caller }),
            ..self
        }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    [
        shapes(),
        authorities(),
        dates(),
        rights(),
        signatures(),
        names(),
        revocation(),
    ]
    .concat()
}

fn shapes() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("leaf and intermediate", &["leaf", "ca"], &["root"]),
        case("leaf below the root", &["direct"], &["root"]),
        case("root sent needlessly", &["leaf", "ca", "root"], &["root"]),
        case("wrong order", &["deep-leaf", "ca", "sub"], &["root"]).here(
            &[(COMPLETE, "warn")],
            &["not one after the other", "path: 0 → 2 → 1"],
        ),
        case("root in the middle", &["leaf", "root", "ca"], &["root"])
            .here(&[(COMPLETE, "warn")], &["not one after the other"]),
        case("stray certificate", &["leaf", "ca", "stranger-ca"], &["root"]).here(&[], &["outside the path"]),
        case("everything twice", &["leaf", "leaf", "ca", "ca"], &["root"])
            .here(&[(COMPLETE, "warn")], &["not one after the other"]),
        case("missing intermediate", &["leaf"], &["root"])
            .here(
                &[(COMPLETE, "fail"), (TRUSTED, "fail")],
                &["The intermediate certificate CN=Issuing,O=Trust was not sent"],
            )
            .openssl("20 at 0"),
        case("missing intermediate with a URL", &["leaf-with-url"], &["root"])
            .here(
                &[(COMPLETE, "fail"), (TRUSTED, "fail")],
                &[
                    "The intermediate certificate CN=Issuing,O=Trust was not sent",
                    "to be had at http://ca.example.test/issuing.cer",
                ],
            )
            .openssl("20 at 0"),
        case("missing upper intermediate", &["deep-leaf", "sub"], &["root"])
            .here(
                &[(COMPLETE, "skip"), (TRUSTED, "fail")],
                &[
                    "CN=Issuing,O=Trust may be a root or an intermediate that was not sent",
                    "send the certificate of CN=Issuing,O=Trust as well if it is an intermediate",
                ],
            )
            .openssl("20 at 1"),
        case(
            "missing upper intermediate with a URL",
            &["deep-leaf", "sub-with-url"],
            &["root"],
        )
        .here(
            &[(COMPLETE, "skip"), (TRUSTED, "fail")],
            &[
                "CN=Issuing,O=Trust may be a root or an intermediate that was not sent",
                "to be had at http://ca.example.test/issuing.cer",
            ],
        )
        .openssl("20 at 1"),
        case(
            "unreadable certificate in place of the intermediate",
            &["leaf", RUBBISH],
            &["root"],
        )
        .here(
            &[(COMPLETE, "skip"), (TRUSTED, "skip")],
            &[
                "certificate 1 cannot be read and may be the missing issuer CN=Issuing,O=Trust",
                "replace certificate 1 or leave it out",
            ],
        )
        .openssl("20 at 0")
        .differs(
            "the bytes may be the missing issuer, which cannot be known; `openssl verify` passes over them",
            "not known; a TLS client of OpenSSL ends the handshake",
        ),
        case(
            "unreadable certificate beside the path",
            &["leaf", "ca", RUBBISH],
            &["root"],
        )
        .here(
            &[(COMPLETE, "warn")],
            &[
                "and with them certificate 2, which cannot be read",
                "replace certificate 2 or leave it out",
            ],
        ),
        case("unreadable leaf", &[RUBBISH, "ca"], &["root"])
            .here(
                &[
                    (COMPLETE, "skip"),
                    (TRUSTED, "skip"),
                    (DATES, "skip"),
                    (USAGE, "skip"),
                    (NAME, "skip"),
                ],
                &[
                    "the peer's own certificate cannot be read",
                    "replace certificate 0 or leave it out",
                ],
            )
            .openssl("unreadable")
            .differs(
                "neither can read it; here that is neither good nor bad",
                "not known; a TLS client of OpenSSL ends the handshake",
            ),
    ]
}

fn authorities() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("unknown root, sent", &["stranger-leaf", "stranger-ca", "stranger"], &["root"]).here(&[(TRUSTED, "fail")], &["The path ends at CN=Private Root,O=Trust, which is none of", "add it to the target's trust anchors"]).openssl("19 at 2"),
        case("private authority, root not sent", &["stranger-leaf", "stranger-ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &["What was sent leads to CN=Private Root,O=Trust, which is none of", "add it to the target's trust anchors"]).openssl("20 at 1"),
        case("self-signed", &["self"], &["root"]).here(&[(TRUSTED, "fail")], &["The certificate is self-signed and is none of", "add it to the target's trust anchors"]).openssl("18 at 0"),
        case("self-signed, trusted", &["self"], &["self"]),
        case("self-signed authority as leaf, trusted", &["self-ca"], &["self-ca"]),
        case("intermediate as trust anchor", &["leaf", "ca"], &["ca"]).openssl("2 at 1").differs("whoever lists a certificate trusts it; OpenSSL wants a self-signed one at the end, unless it is told `-partial_chain`", "does not arise: its list holds roots alone"),
        case("leaf as trust anchor", &["leaf", "ca"], &["leaf"]).openssl("20 at 1").differs("as above: the leaf itself is trusted", "does not arise: its list holds roots alone"),
        case("two roots of one key", &["leaf", "ca"], &["root-ended", "root"]),
        case("other copy of the root sent", &["leaf", "ca", "root-ended"], &["root"]),
        case("cross-certificate to the old root", &["new-leaf", "new-ca", "cross"], &["root"]),
        case("cross-certificate, the new root trusted", &["new-leaf", "new-ca", "cross"], &["new-root"]),
        case("cross-certificate, both roots trusted", &["new-leaf", "new-ca", "cross"], &["root", "new-root"]),
        case("cross-certificate before its subject", &["new-leaf", "cross", "new-ca"], &["root"]).here(&[(COMPLETE, "warn")], &[]),
        case("cross-certificate missing", &["new-leaf", "new-ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &["send the certificate of CN=New Root,O=Trust as well if it is an intermediate", "the cross-certificate that leads to one"]).openssl("20 at 1"),
        case("expired cross-certificate, old root", &["new-leaf", "new-ca", "cross-ended"], &["root"]).here(&[(DATES, "fail")], &["Certificate 2, CN=New Root,O=Trust, expired on"]).openssl("10 at 2"),
        case("expired cross-certificate, new root", &["new-leaf", "new-ca", "cross-ended"], &["root", "new-root"]),
        case("cross-certificate, the new root expired", &["new-leaf", "new-ca", "cross"], &["root", "new-root-ended"]).here(&[(DATES, "fail")], &[]).openssl("10 at 2"),
        case("both cross-certificates, expired first", &["new-leaf", "new-ca", "cross-ended", "cross"], &["root"]).here(&[(COMPLETE, "warn")], &[]),
        case("root copied by name, sent", &["copied-leaf", "copied-ca", "copied-root"], &["root"]).here(&[(TRUSTED, "fail")], &["a trusted root has the same name, but another key"]).openssl("19 at 2"),
        case("root copied by name, not sent", &["copied-leaf", "copied-ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &["a trusted root has the same name, but another key"]).openssl("20 at 1"),
        case("root copied by name, no key identifiers", &["bare-leaf", "bare-ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &[]).openssl("20 at 1"),
        case("intermediate of another key", &["leaf", "copied-ca"], &["root"]).here(&[(COMPLETE, "fail"), (TRUSTED, "fail")], &[]).openssl("20 at 0"),
    ]
}

fn dates() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("expired leaf", &["leaf-ended", "ca"], &["root"])
            .here(
                &[(DATES, "fail")],
                &["The endpoint's certificate expired on", "renew the certificate"],
            )
            .openssl("10 at 0"),
        case("expired intermediate", &["leaf", "ca-ended"], &["root"])
            .here(
                &[(DATES, "fail")],
                &[
                    "Certificate 1, CN=Issuing,O=Trust, expired on",
                    "install it in place of this one",
                ],
            )
            .openssl("10 at 1"),
        case(
            "expired intermediate beside its successor",
            &["leaf", "ca-ended", "ca"],
            &["root"],
        )
        .here(&[(COMPLETE, "warn")], &[]),
        case("expired root", &["leaf", "ca"], &["root-ended"])
            .here(
                &[(DATES, "fail")],
                &[
                    "The root Root expired on",
                    "put the authority's present certificate of the same key into the target's trust anchors",
                ],
            )
            .openssl("10 at 2"),
        case("leaf not yet valid", &["leaf-future", "ca"], &["root"])
            .here(
                &[(DATES, "fail")],
                &["The endpoint's certificate is not valid before"],
            )
            .openssl("9 at 0"),
        case("intermediate not yet valid", &["leaf", "ca-future"], &["root"])
            .here(
                &[(DATES, "fail")],
                &["Certificate 1, CN=Issuing,O=Trust, is not valid before"],
            )
            .openssl("9 at 1"),
        case(
            "root not yet valid",
            &["future-leaf", "future-ca"],
            &["future-root"],
        )
        .here(&[(DATES, "fail")], &["The root Future Root is not valid before"])
        .openssl("9 at 2"),
        case("good today, judged for later", &["leaf", "ca"], &["root"])
            .in_days(400)
            .here(
                &[(DATES, "fail")],
                &[
                    "The endpoint's certificate expired on",
                    "; not valid either: 1 CN=Issuing,O=Trust, root Root",
                ],
            )
            .openssl("10 at 2, 10 at 1, 10 at 0"),
        case(
            "expired, judged for when it was valid",
            &["leaf-ended", "ca-ended"],
            &["root-ended"],
        )
        .in_days(-20)
        .here(&[(DATES, "warn")], &[]),
        case(
            "expired and of an unknown root",
            &["stranger-leaf-ended", "stranger-ca", "stranger"],
            &["root"],
        )
        .here(&[(TRUSTED, "fail"), (DATES, "fail")], &[])
        .openssl("19 at 2"),
    ]
}

fn rights() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("leaf for clients alone", &["leaf-for-clients", "ca"], &["root"]).here(&[(USAGE, "fail")], &["it lacks serverAuth"]).openssl("26 at 0"),
        case("leaf without purposes", &["leaf-without-purpose", "ca"], &["root"]),
        case("leaf for any purpose", &["leaf-any-purpose", "ca"], &["root"]).here(&[(USAGE, "warn")], &[]).openssl("26 at 0").differs("anyExtendedKeyUsage covers serverAuth by RFC 5280 §4.2.1.12; OpenSSL wants serverAuth itself; hence the warning", "not known"),
        case("intermediate for clients alone", &["leaf-of-client-ca", "client-ca"], &["root"]).here(&[(USAGE, "fail")], &["Certificate 1, Client Issuing, does not allow serverAuth for what it issues"]).openssl("26 at 1"),
        case("intermediate for any purpose", &["leaf-of-any-ca", "any-ca"], &["root"]).here(&[(USAGE, "warn")], &["Certificate 1, Any Issuing, is for any extended key usage"]).openssl("26 at 1").differs("as above, in an intermediate", "not known"),
        case("root for clients alone", &["leaf-of-client-root"], &["client-root"]).openssl("26 at 1").differs("a trusted root is a name and a key (RFC 5280 §6.1.1); OpenSSL looks at its purposes too", "does not arise: the one listed root with purposes has serverAuth among them"),
        case("path length exceeded", &["leaf-below-short", "below-short", "short-ca"], &["root"]).here(&[(TRUSTED, "fail")], &["certificate 2 allows 0 intermediates below it, found 1 (2 is Short Issuing)", "have the authority issue from an intermediate that may"]).openssl("25 at 2"),
        case("root's path length exceeded", &["leaf-below-short-root", "below-short-root"], &["short-root"]).openssl("25 at 2").differs("as above: the limits of a root do not count, OpenSSL counts them", "does not arise: no listed root has a path length"),
        case("issued by a leaf", &["leaf-by-leaf", "direct"], &["root"]).here(&[(TRUSTED, "fail")], &["is not a certificate authority (1 is sbc.example.test)"]).openssl("79 at 1, 26 at 1, 32 at 1"),
        case("issuer without keyCertSign", &["leaf-of-no-signing-ca", "no-signing-ca"], &["root"]).here(&[(TRUSTED, "fail")], &["is not a certificate authority (1 is Not Signing)", "this issuer may not, by its basic constraints or key usage"]).openssl("79 at 1, 26 at 1, 32 at 1"),
        case("issuer without basic constraints", &["leaf-of-plain-ca", "plain-ca"], &["root"]).here(&[(TRUSTED, "fail")], &["is not a certificate authority (1 is Plain)"]).openssl("79 at 1, 26 at 1"),
        case("name constraints kept", &["leaf-of-kept-ca", "kept-ca"], &["root"]),
        case("name constraints violated", &["leaf-of-narrow-ca", "narrow-ca"], &["root"]).here(&[(TRUSTED, "fail")], &["the name constraints of CN=Narrow,O=Trust do not permit DNS:sbc.example.test in certificate 0", "(0 is the endpoint's own)", "an authority that may certify this name"]).openssl("47 at 0"),
        case("root's name constraints violated", &["leaf-of-narrow-root"], &["narrow-root"]).here(&[(TRUSTED, "fail")], &["the name constraints of Narrow Root do not permit DNS:sbc.example.test"]).openssl("47 at 0"),
        case("unknown critical extension", &["leaf-critical", "ca"], &["root"]).here(&[(TRUSTED, "fail")], &["certificate 0 has an unknown critical extension 1.2.3.4 (0 is the endpoint's own)", "reissued without this extension"]).openssl("34 at 0"),
        case("unknown critical extension in the intermediate", &["leaf-of-critical-ca", "critical-ca"], &["root"]).here(&[(TRUSTED, "fail")], &["(1 is Critical)"]).openssl("34 at 1"),
        case("version 1 leaf", &["v1-leaf", "ca"], &["root"]),
        case("version 1 root", &["leaf-of-v1-root"], &["v1-root"]),
        case("version 1 intermediate", &["leaf-of-v1-ca", "v1-ca"], &["root"]).here(&[(TRUSTED, "fail")], &["is not a certificate authority (1 is Old Issuing)"]).openssl("79 at 1, 26 at 1"),
    ]
}

fn signatures() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("RSA throughout", &["rsa-leaf", "rsa-ca"], &["rsa-root"]),
        case("P-256 under RSA", &["p256-of-rsa", "rsa-ca"], &["rsa-root"]),
        case("P-384 under RSA", &["p384-of-rsa", "rsa-ca"], &["rsa-root"]),
        case("RSA under P-384 under P-256", &["rsa-of-p384", "p384-ca"], &["root"]),
        case("Ed25519 leaf", &["ed25519-leaf", "ca"], &["root"]),
        case("Ed25519 issuer", &["leaf-of-ed25519", "ed25519-ca"], &["root"]),
        case("Ed448 issuer", &["leaf-of-ed448", "ed448-ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "skip")], &["ED448 of certificate 0 is not known to this program (0 is the endpoint's own)"]).differs("this program cannot compute Ed448, so that it does not know", "refuses, most likely: its list has RSA and EC roots alone"),
        case("RSA 1024 leaf", &["rsa-1024-leaf", "ca"], &["root"]),
        case("RSA 1024 issuer", &["leaf-of-rsa-1024", "rsa-1024-ca"], &["root"]),
        case("SHA-1 leaf", &["sha1-leaf", "ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &["(0 is the endpoint's own)", "have the certificate reissued with a signature by SHA-256"]).differs("`openssl verify` works at security level 0, a TLS client of OpenSSL 3 at level 1 or above, where SHA-1 is refused (error 68)", "refuses, most likely"),
        case("SHA-1 intermediate", &["leaf-of-sha1-ca", "sha1-ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &["(1 is SHA-1 Issuing)", "install the authority's present intermediate"]).differs("as above", "refuses, most likely"),
        case("SHA-1 root", &["leaf-of-sha1-root"], &["sha1-root"]),
        case("RSA-PSS", &["pss-leaf", "rsa-ca"], &["rsa-root"]),
        case("RSA-PSS of an unusual salt", &["odd-pss-leaf", "rsa-ca"], &["rsa-root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "skip")], &[]).differs("this program computes PSS with salts as long as the hash alone, so that it does not know", "not known"),
        case("broken signature of the leaf", &["leaf-broken", "ca"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &["does not verify with the key of CN=Issuing,O=Trust (0 is the endpoint's own); it is damaged"]).openssl("7 at 0"),
        case("broken signature of the intermediate", &["leaf", "ca-broken"], &["root"]).here(&[(COMPLETE, "skip"), (TRUSTED, "fail")], &["(1 is Issuing); it is damaged", "install the certificates as the authority issued them"]).openssl("7 at 1"),
    ]
}

fn names() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("another name", &["wrong-name", "ca"], &["root"]).here(&[(NAME, "fail")], &["The certificate is not for sbc.example.test", "DNS:other.example.test", "or have a name dialled that this one is for"]).openssl("62 at 0"),
        case("expired and another name", &["leaf-ended", "ca"], &["root"]).host("other.example.test").here(&[(DATES, "fail"), (NAME, "fail")], &[]).openssl("62 at 0"),
        case("address", &["with-address", "ca"], &["root"]).host("127.0.0.1"),
        case("address, and names are asked for", &["rsa-leaf", "rsa-ca"], &["rsa-root"]).host("127.0.0.1").profile("genesys-byoc-customer").here(&[(NAME, "warn")], &[]).openssl("64 at 0").differs("the caller dials a name, which this target does not tell; OpenSSL is asked for the address", "neither: it dials a name; set `server_name`"),
        case("address as a DNS name", &["address-as-name", "ca"], &["root"]).host("127.0.0.1").here(&[(NAME, "fail")], &[]).openssl("64 at 0"),
        case("another address", &["with-address", "ca"], &["root"]).host("127.0.0.2").here(&[(NAME, "fail")], &[]).openssl("64 at 0"),
        case("wildcard", &["wildcard", "ca"], &["root"]),
        case("two labels under a wildcard", &["wildcard", "ca"], &["root"]).host("a.sbc.example.test").here(&[(NAME, "fail")], &[]).openssl("62 at 0"),
        case("the domain of a wildcard", &["wildcard", "ca"], &["root"]).host("example.test").here(&[(NAME, "fail")], &[]).openssl("62 at 0"),
        case("wildcard within a label", &["partial-wildcard", "ca"], &["root"]).here(&[(NAME, "fail")], &[]).differs("a wildcard is the whole left-most label (RFC 9525 §6.3); OpenSSL lets it stand for a part of one", "not known"),
        case("other case", &["upper-case", "ca"], &["root"]),
        case("common name alone", &["cn-alone", "ca"], &["root"]).here(&[], &["by its common name alone"]),
        case("common name beside other names", &["cn-beside-others", "ca"], &["root"]).openssl("62 at 0").differs("the profile says \"common name or alternative name\"; OpenSSL passes over the common name where a DNS name is", "accepts, by its published rule; a caller by RFC 9525 refuses"),
        case("SIP URI alone", &["uri-alone", "ca"], &["root"]).here(&[(NAME, "warn")], &[]).openssl("62 at 0").differs("strict SIP callers (RFC 5922) read the URI, others do not; hence the warning", "not known"),
    ]
}

fn revocation() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("not revoked", &["listed-good", "listed-ca"], &["root"]).lists(&["of-root", "good"]),
        case("revoked leaf", &["listed-revoking", "listed-ca"], &["root"])
            .lists(&["of-root", "revoking"])
            .here(
                &[(REVOKED, "fail")],
                &[
                    "Revoked: the endpoint's certificate revoked since",
                    "(keyCompromise)",
                    "replace the certificate and its key",
                ],
            )
            .openssl("23 at 0"),
        case(
            "revoked intermediate",
            &["leaf-of-revoked-ca", "revoked-ca"],
            &["root"],
        )
        .lists(&["of-root-revoking", "of-revoked-ca"])
        .here(
            &[(REVOKED, "fail")],
            &[
                "Revoked: certificate 1, Revoked,",
                "get a certificate from an intermediate that is not revoked",
            ],
        )
        .openssl("23 at 1"),
        case(
            "revoked and expired leaf",
            &["listed-revoking-ended", "listed-ca"],
            &["root"],
        )
        .lists(&["of-root", "revoking"])
        .here(&[(DATES, "fail"), (REVOKED, "fail")], &[])
        .openssl("23 at 0"),
        case(
            "revoked leaf of an unknown root",
            &["listed-revoking", "listed-ca"],
            &["stranger"],
        )
        .lists(&["of-root", "revoking"])
        .here(&[(COMPLETE, "skip"), (TRUSTED, "fail"), (REVOKED, "skip")], &[])
        .openssl("20 at 1"),
        case(
            "list that the server does not have",
            &["listed-nowhere", "listed-ca"],
            &["root"],
        )
        .lists(&["of-root"])
        .here(&[(REVOKED, "skip")], &["the server answered 404"])
        .openssl("3 at 0")
        .differs(
            "not knowing is no failure; OpenSSL wants every list",
            "not known: whether it goes on without a list is not published",
        ),
        case(
            "list on a server that is down",
            &["listed-refused", "listed-ca"],
            &["root"],
        )
        .lists(&["of-root"])
        .here(&[(REVOKED, "skip")], &[])
        .openssl("3 at 0")
        .differs("as above; it warns after 24 hours", "not known"),
        case("certificates that name no list", &["leaf", "ca"], &["root"])
            .lists(&["of-root"])
            .here(&[(REVOKED, "skip")], &[])
            .openssl("3 at 0")
            .differs(
                "as above: there is nothing to ask",
                "accepts, most likely: a certificate need not name a list",
            ),
        case(
            "list of another authority",
            &["listed-of-root", "listed-ca"],
            &["root"],
        )
        .lists(&["of-root"])
        .here(&[(REVOKED, "warn")], &["the list is issued by CN=Root"])
        .openssl("3 at 0")
        .differs(
            "the list says nothing of this certificate; OpenSSL passes over it and finds none",
            "not known",
        ),
        case(
            "list of a namesake with another key",
            &["listed-by-namesake", "listed-ca"],
            &["root"],
        )
        .lists(&["of-root", "by-namesake"])
        .here(&[(REVOKED, "warn")], &[])
        .openssl("3 at 0")
        .differs("as above: the key is another", "not known"),
        case("expired list", &["listed-ended", "listed-ca"], &["root"])
            .lists(&["of-root", "ended"])
            .here(&[(REVOKED, "warn")], &["the list ended on"])
            .openssl("12 at 0")
            .differs(
                "an ended list does not say `good`, and does not refuse either",
                "not known",
            ),
        case(
            "expired list that revokes",
            &["listed-ended-revoking", "listed-ca"],
            &["root"],
        )
        .lists(&["of-root", "ended-revoking"])
        .here(&[(REVOKED, "fail")], &[])
        .openssl("12 at 0, 23 at 0"),
    ]
}
