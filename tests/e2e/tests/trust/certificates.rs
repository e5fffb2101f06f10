//! The certificates and lists of the cases, by name.

use std::collections::BTreeMap;

use siptls_e2e::{CertificateRecipe as Recipe, ListServer, Mint, Serve};

/// The name that nearly every case dials.
pub(crate) const HOST: &str = "sbc.example.test";

/// Everything the cases need.
pub(crate) struct World {
    pub(crate) mint: Mint,
    /// Lists in PEM, by the path that they are served under.
    pub(crate) lists: BTreeMap<&'static str, String>,
}

impl World {
    pub(crate) fn new() -> Self {
        let web = ListServer::start();
        let mint = Mint::new();
        authorities(&mint);
        leaves(&mint);
        broken(&mint);
        keys(&mint);
        names(&mint);
        let lists = lists(&mint, &web);
        for (name, list) in &lists {
            web.serve(&format!("/{name}"), Serve::Body(list.clone().into_bytes()));
        }
        Self { mint, lists }
    }
}

fn leaf() -> Recipe {
    Recipe::leaf(HOST)
}

fn authorities(mint: &Mint) {
    let authority = Recipe::authority;
    mint.make("root", &authority("Root"));
    mint.make("ca", &authority("Issuing").by("root"));
    mint.make("sub", &authority("Lower Issuing").by("ca"));
    mint.make("leaf", &leaf().by("ca"));
    mint.make("deep-leaf", &leaf().by("sub"));
    mint.make("direct", &leaf().by("root"));
    let url = |name: &str| format!("caIssuers;URI:http://ca.example.test/{name}.cer");
    mint.make(
        "leaf-with-url",
        &leaf().by("ca").with("authorityInfoAccess", &url("issuing")),
    );
    mint.make(
        "sub-with-url",
        &authority("Lower Issuing")
            .key_of("sub")
            .by("ca")
            .with("authorityInfoAccess", &url("issuing")),
    );

    mint.make("stranger", &authority("Private Root"));
    mint.make("stranger-ca", &authority("Private Issuing").by("stranger"));
    mint.make("stranger-leaf", &leaf().by("stranger-ca"));
    mint.make("self", &leaf());
    mint.make("self-ca", &leaf().with("basicConstraints", "critical, CA:TRUE"));

    // One subject and key, other serial and dates.
    mint.make("root-ended", &authority("Root").key_of("root").valid(-700, -5));
    mint.make(
        "ca-ended",
        &authority("Issuing").key_of("ca").by("root").valid(-60, -5),
    );
    mint.make(
        "ca-future",
        &authority("Issuing").key_of("ca").by("root").valid(5, 300),
    );
    mint.make("future-root", &authority("Future Root").valid(5, 300));
    mint.make("future-ca", &authority("Future Issuing").by("future-root"));
    mint.make("future-leaf", &leaf().by("future-ca"));

    // A new root and what an older one says of its key.
    mint.make("new-root", &authority("New Root"));
    mint.make(
        "new-root-ended",
        &authority("New Root").key_of("new-root").valid(-700, -5),
    );
    mint.make("cross", &authority("New Root").key_of("new-root").by("root"));
    mint.make(
        "cross-ended",
        &authority("New Root").key_of("new-root").by("root").valid(-60, -5),
    );
    mint.make("new-ca", &authority("New Issuing").by("new-root"));
    mint.make("new-leaf", &leaf().by("new-ca"));

    // A private authority that took the names of the trusted one.
    mint.make("copied-root", &authority("Root"));
    mint.make("copied-ca", &authority("Issuing").by("copied-root"));
    mint.make("copied-leaf", &leaf().by("copied-ca"));
    let identifiers = ["subjectKeyIdentifier", "authorityKeyIdentifier"];
    mint.make("bare-root", &authority("Root").without(&identifiers));
    mint.make(
        "bare-ca",
        &authority("Issuing").by("bare-root").without(&identifiers),
    );
    mint.make("bare-leaf", &leaf().by("bare-ca").without(&identifiers));
}

fn leaves(mint: &Mint) {
    mint.make("leaf-ended", &leaf().by("ca").valid(-60, -5));
    mint.make("leaf-future", &leaf().by("ca").valid(5, 60));
    mint.make("stranger-leaf-ended", &leaf().by("stranger-ca").valid(-60, -5));
    mint.make(
        "leaf-for-clients",
        &leaf().by("ca").with("extendedKeyUsage", "clientAuth"),
    );
    mint.make(
        "leaf-without-purpose",
        &leaf().by("ca").without(&["extendedKeyUsage"]),
    );
    mint.make(
        "leaf-any-purpose",
        &leaf().by("ca").with("extendedKeyUsage", "anyExtendedKeyUsage"),
    );
    let authority = Recipe::authority;
    mint.make(
        "client-ca",
        &authority("Client Issuing")
            .by("root")
            .with("extendedKeyUsage", "clientAuth"),
    );
    mint.make("leaf-of-client-ca", &leaf().by("client-ca"));
    mint.make(
        "any-ca",
        &authority("Any Issuing")
            .by("root")
            .with("extendedKeyUsage", "anyExtendedKeyUsage"),
    );
    mint.make("leaf-of-any-ca", &leaf().by("any-ca"));
    mint.make(
        "client-root",
        &authority("Client Root").with("extendedKeyUsage", "clientAuth"),
    );
    mint.make("leaf-of-client-root", &leaf().by("client-root"));
}

fn broken(mint: &Mint) {
    let authority = Recipe::authority;
    let constraints = |value: &'static str| ("basicConstraints", value);
    let (name, value) = constraints("critical, CA:TRUE, pathlen:0");
    mint.make(
        "short-ca",
        &authority("Short Issuing").by("root").with(name, value),
    );
    mint.make("below-short", &authority("Below Short").by("short-ca"));
    mint.make("leaf-below-short", &leaf().by("below-short"));
    mint.make("short-root", &authority("Short Root").with(name, value));
    mint.make(
        "below-short-root",
        &authority("Below Short Root").by("short-root"),
    );
    mint.make("leaf-below-short-root", &leaf().by("below-short-root"));
    mint.make("leaf-by-leaf", &leaf().by("direct"));
    mint.make(
        "no-signing-ca",
        &authority("Not Signing")
            .by("root")
            .with("keyUsage", "critical, digitalSignature"),
    );
    mint.make("leaf-of-no-signing-ca", &leaf().by("no-signing-ca"));
    mint.make(
        "plain-ca",
        &authority("Plain")
            .by("root")
            .without(&["basicConstraints", "keyUsage"]),
    );
    mint.make("leaf-of-plain-ca", &leaf().by("plain-ca"));

    let permitted = |name: &str| format!("critical, permitted;DNS:{name}");
    mint.make(
        "kept-ca",
        &authority("Kept")
            .by("root")
            .with("nameConstraints", &permitted("example.test")),
    );
    mint.make("leaf-of-kept-ca", &leaf().by("kept-ca"));
    mint.make(
        "narrow-ca",
        &authority("Narrow")
            .by("root")
            .with("nameConstraints", &permitted("other.test")),
    );
    mint.make("leaf-of-narrow-ca", &leaf().by("narrow-ca"));
    mint.make(
        "narrow-root",
        &authority("Narrow Root").with("nameConstraints", &permitted("other.test")),
    );
    mint.make("leaf-of-narrow-root", &leaf().by("narrow-root"));

    mint.break_signature("leaf", "leaf-broken");
    mint.break_signature("ca", "ca-broken");
    mint.make(
        "leaf-critical",
        &leaf().by("ca").with("1.2.3.4", "critical, DER:05:00"),
    );
    mint.make(
        "critical-ca",
        &authority("Critical")
            .by("root")
            .with("1.2.3.4", "critical, DER:05:00"),
    );
    mint.make("leaf-of-critical-ca", &leaf().by("critical-ca"));
    mint.make("v1-leaf", &leaf().by("ca").version_1());
    mint.make("v1-root", &authority("Old Root").version_1());
    mint.make(
        "leaf-of-v1-root",
        &leaf().by("v1-root").without(&["authorityKeyIdentifier"]),
    );
    mint.make("v1-ca", &authority("Old Issuing").by("root").version_1());
    mint.make(
        "leaf-of-v1-ca",
        &leaf().by("v1-ca").without(&["authorityKeyIdentifier"]),
    );
}

fn keys(mint: &Mint) {
    const RSA: &str = "RSA -pkeyopt rsa_keygen_bits:2048";
    const SHORT: &str = "RSA -pkeyopt rsa_keygen_bits:1024";
    const P384: &str = "EC -pkeyopt ec_paramgen_curve:P-384";
    let authority = Recipe::authority;
    mint.make("rsa-root", &authority("RSA Root").key(RSA));
    mint.make("rsa-ca", &authority("RSA Issuing").key(RSA).by("rsa-root"));
    mint.make("p256-of-rsa", &leaf().by("rsa-ca"));
    mint.make("p384-of-rsa", &leaf().key(P384).by("rsa-ca"));
    mint.make("rsa-leaf", &leaf().key(RSA).by("rsa-ca"));
    mint.make(
        "p384-ca",
        &authority("P-384 Issuing")
            .key(P384)
            .by("root")
            .signing(&["-md", "sha384"]),
    );
    mint.make(
        "rsa-of-p384",
        &leaf().key(RSA).by("p384-ca").signing(&["-md", "sha384"]),
    );
    mint.make("ed25519-leaf", &leaf().key("ED25519").by("ca"));
    mint.make(
        "ed25519-ca",
        &authority("Ed25519 Issuing").key("ED25519").by("root"),
    );
    mint.make(
        "leaf-of-ed25519",
        &leaf().by("ed25519-ca").signing(&["-md", "default"]),
    );
    mint.make("ed448-ca", &authority("Ed448 Issuing").key("ED448").by("root"));
    mint.make(
        "leaf-of-ed448",
        &leaf().by("ed448-ca").signing(&["-md", "default"]),
    );
    mint.make("rsa-1024-leaf", &leaf().key(SHORT).by("ca"));
    mint.make(
        "rsa-1024-ca",
        &authority("Short RSA Issuing").key(SHORT).by("root"),
    );
    mint.make("leaf-of-rsa-1024", &leaf().by("rsa-1024-ca"));
    mint.make("sha1-leaf", &leaf().by("ca").signing(&["-md", "sha1"]));
    mint.make(
        "sha1-ca",
        &authority("SHA-1 Issuing").by("root").signing(&["-md", "sha1"]),
    );
    mint.make("leaf-of-sha1-ca", &leaf().by("sha1-ca"));
    mint.make("sha1-root", &authority("SHA-1 Root").signing(&["-md", "sha1"]));
    mint.make("leaf-of-sha1-root", &leaf().by("sha1-root"));
    let pss = |salt| {
        [
            "-md",
            "sha256",
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            salt,
        ]
    };
    mint.make(
        "pss-leaf",
        &leaf().by("rsa-ca").signing(&pss("rsa_pss_saltlen:32")),
    );
    mint.make(
        "odd-pss-leaf",
        &leaf().by("rsa-ca").signing(&pss("rsa_pss_saltlen:20")),
    );
}

fn names(mint: &Mint) {
    for (file, names) in [
        ("wrong-name", "DNS:other.example.test"),
        ("with-address", "IP:127.0.0.1"),
        ("address-as-name", "DNS:127.0.0.1"),
        ("wildcard", "DNS:*.example.test"),
        ("partial-wildcard", "DNS:sb*.example.test"),
        ("upper-case", "DNS:SBC.Example.TEST"),
        ("uri-alone", "URI:sip:sbc.example.test"),
    ] {
        let recipe = Recipe::leaf("someone").by("ca").with("subjectAltName", names);
        mint.make(file, &recipe);
    }
    mint.make("cn-alone", &leaf().by("ca").without(&["subjectAltName"]));
    mint.make(
        "cn-beside-others",
        &leaf().by("ca").with("subjectAltName", "DNS:other.example.test"),
    );
}

/// Every list is good for the certificates of its authority unless its name says otherwise.
fn lists(mint: &Mint, web: &ListServer) -> BTreeMap<&'static str, String> {
    let at = |list: &str| format!("URI:http://{}/{list}", web.address());
    let listed = |recipe: Recipe, list: &str| recipe.with("crlDistributionPoints", &at(list));
    let authority = Recipe::authority;
    mint.make("listed-ca", &listed(authority("Listed").by("root"), "of-root"));
    mint.make(
        "revoked-ca",
        &listed(authority("Revoked").by("root"), "of-root-revoking"),
    );
    mint.make("namesake", &authority("Listed"));
    for list in [
        "good",
        "revoking",
        "nowhere",
        "of-root",
        "ended",
        "ended-revoking",
        "by-namesake",
    ] {
        mint.make(&format!("listed-{list}"), &listed(leaf().by("listed-ca"), list));
    }
    mint.make(
        "listed-revoking-ended",
        &listed(leaf().by("listed-ca").valid(-60, -5), "revoking"),
    );
    mint.make(
        "leaf-of-revoked-ca",
        &listed(leaf().by("revoked-ca"), "of-revoked-ca"),
    );
    let unreachable = leaf()
        .by("listed-ca")
        .with("crlDistributionPoints", "URI:http://127.0.0.1:1/good");
    mint.make("listed-refused", &unreachable);
    let now = (-1, 7);
    let past = (-9, -2);
    BTreeMap::from([
        ("of-root", mint.list("root", &[], now)),
        ("of-root-revoking", mint.list("root", &["revoked-ca"], now)),
        ("of-revoked-ca", mint.list("revoked-ca", &[], now)),
        ("good", mint.list("listed-ca", &[], now)),
        (
            "revoking",
            mint.list("listed-ca", &["listed-revoking", "listed-revoking-ended"], now),
        ),
        ("ended", mint.list("listed-ca", &[], past)),
        (
            "ended-revoking",
            mint.list("listed-ca", &["listed-ended-revoking"], past),
        ),
        ("by-namesake", mint.list("namesake", &["listed-by-namesake"], now)),
    ])
}
