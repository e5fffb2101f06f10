//! What only the openssl command still makes: short RSA keys, SHA-1, version 1, PSS.

use std::path::Path as Folder;

use siptls_cert::{Certificate, PathProblem};

use super::openssl;
use super::path::assess;

/// A root, an intermediate and a leaf; `-new` options and signing options of each.
struct Recipe {
    root: &'static str,
    intermediate: &'static str,
    leaf: &'static str,
    sign_leaf: &'static str,
    extensions: bool,
}

const PLAIN: Recipe = Recipe {
    root: "rsa:2048",
    intermediate: "rsa:2048",
    leaf: "rsa:2048",
    sign_leaf: "-sha256",
    extensions: true,
};

fn make(folder: &Folder, recipe: &Recipe) -> [Vec<u8>; 3] {
    std::fs::write(
        folder.join("ca.ext"),
        "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n",
    )
    .unwrap();
    std::fs::write(folder.join("leaf.ext"), "subjectAltName=DNS:sbc.example.test\n").unwrap();
    let request = |name: &str, key: &str| {
        openssl::run(
            folder,
            &format!(
                "req -new -newkey {key} -nodes -keyout {name}.key -subj /C=DE/CN={name} -out {name}.csr"
            ),
        );
    };
    request("root", recipe.root);
    request("intermediate", recipe.intermediate);
    request("leaf", recipe.leaf);
    let root_extensions = if recipe.extensions { " -extfile ca.ext" } else { "" };
    let leaf_extensions = if recipe.extensions {
        " -extfile leaf.ext"
    } else {
        ""
    };
    let sign = "x509 -req -days 3650 -outform DER";
    openssl::run(
        folder,
        &format!("{sign} -in root.csr -signkey root.key -out root.der{root_extensions}"),
    );
    let by = |name: &str| format!("-CA {name}.der -CAkey {name}.key -CAcreateserial");
    openssl::run(
        folder,
        &format!(
            "{sign} -in intermediate.csr {} -out intermediate.der -extfile ca.ext",
            by("root")
        ),
    );
    let leaf_sign = recipe.sign_leaf;
    openssl::run(
        folder,
        &format!(
            "{sign} {leaf_sign} -in leaf.csr {} -out leaf.der{leaf_extensions}",
            by("intermediate")
        ),
    );
    ["leaf", "intermediate", "root"].map(|name| std::fs::read(folder.join(format!("{name}.der"))).unwrap())
}

/// Our verdict and that of `openssl verify`.
fn judge(recipe: &Recipe) -> ([Certificate; 3], Option<PathProblem>, bool) {
    let folder = tempfile::tempdir().unwrap();
    let [leaf, intermediate, root] = make(folder.path(), recipe);
    let certificates = [&leaf, &intermediate, &root].map(|der| Certificate::from_der(der).unwrap());
    let (sent, roots) = ([leaf, intermediate], [root]);
    let path = assess(&sent, &roots);
    let is_unknown = matches!(path.problem, Some(PathProblem::UnknownSignatureAlgorithm { .. }));
    assert_eq!(path.complete, (!is_unknown).then_some(true));
    (certificates, path.problem, openssl::verifies(&sent, &roots))
}

#[test]
fn rsa_of_2048_bits() {
    let (certificates, problem, openssl) = judge(&PLAIN);
    assert_eq!((problem, openssl), (None, true));
    assert_eq!(certificates[0].key.to_string(), "RSA 2048");
    assert_eq!(certificates[0].signature_algorithm, "sha256WithRSAEncryption");
}

#[test]
fn rsa_of_1024_bits_is_a_fact_not_a_broken_path() {
    let (certificates, problem, openssl) = judge(&Recipe {
        leaf: "rsa:1024",
        ..PLAIN
    });
    assert_eq!((problem, openssl), (None, true));
    assert_eq!(certificates[0].key.rsa_bits(), Some(1024));
    let (_, problem, openssl) = judge(&Recipe {
        intermediate: "rsa:1024",
        ..PLAIN
    });
    assert_eq!((problem, openssl), (None, true));
    let (_, problem, _) = judge(&Recipe {
        intermediate: "rsa:1024",
        sign_leaf: "-sha384",
        ..PLAIN
    });
    let algorithm = "sha384WithRSAEncryption by RSA 1024".to_owned();
    assert_eq!(
        problem,
        Some(PathProblem::UnknownSignatureAlgorithm { index: 0, algorithm })
    );
}

#[test]
fn sha1_is_not_accepted() {
    let (certificates, problem, openssl) = judge(&Recipe {
        sign_leaf: "-sha1",
        ..PLAIN
    });
    assert_eq!(certificates[0].signature_algorithm, "sha1WithRSAEncryption");
    let algorithm = "sha1WithRSAEncryption".to_owned();
    assert_eq!(
        problem,
        Some(PathProblem::UnsupportedSignatureAlgorithm { index: 0, algorithm })
    );
    assert!(
        openssl,
        "openssl verify takes SHA-1 at its default level; every browser and webpki refuse it"
    );
}

#[test]
fn version_1() {
    let (certificates, problem, openssl) = judge(&Recipe {
        extensions: false,
        ..PLAIN
    });
    let versions = certificates.each_ref().map(|certificate| certificate.version);
    assert_eq!(versions, [1, 3, 1], "leaf and root have no extensions");
    assert_eq!((problem, openssl), (None, true));
    assert_eq!(certificates[0].san, None);
    assert!(
        !certificates[2].is_ca,
        "a root of version 1 is trusted although it cannot say that it is an authority"
    );
}

#[test]
fn pss_with_usual_and_unusual_salt() {
    let usual = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32";
    let (certificates, problem, openssl) = judge(&Recipe {
        sign_leaf: usual,
        ..PLAIN
    });
    assert_eq!((problem, openssl), (None, true));
    assert_eq!(certificates[0].signature_algorithm, "rsassaPss");
    let unusual = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20";
    let (_, problem, openssl) = judge(&Recipe {
        sign_leaf: unusual,
        ..PLAIN
    });
    let algorithm = "rsassaPss".to_owned();
    assert_eq!(
        problem,
        Some(PathProblem::UnknownSignatureAlgorithm { index: 0, algorithm })
    );
    assert!(openssl, "OpenSSL computes any salt length");
}

#[test]
fn what_cannot_be_computed_is_unknown_and_not_untrusted() {
    let unknown = |index, algorithm: &str| {
        Some(PathProblem::UnknownSignatureAlgorithm {
            index,
            algorithm: algorithm.to_owned(),
        })
    };
    // Who signs with Ed448, and where that signature stands.
    for (root, intermediate, index) in [("ed448", "rsa:2048", 1), ("rsa:2048", "ed448", 0)] {
        let sign_leaf = if intermediate == "ed448" { "" } else { "-sha256" };
        let (certificates, problem, openssl) = judge(&Recipe {
            root,
            intermediate,
            sign_leaf,
            ..PLAIN
        });
        assert_eq!(certificates[index].signature_algorithm, "ED448");
        assert_eq!((problem, openssl), (unknown(index, "ED448"), true));
    }
    let folder = tempfile::tempdir().unwrap();
    let [leaf, intermediate, root] = make(
        folder.path(),
        &Recipe {
            intermediate: "ed448",
            sign_leaf: "",
            ..PLAIN
        },
    );
    // A made-up number in place of Ed448's (1.3.101.113), in both places.
    let made_up: Vec<u8> = replaced(&leaf, &[0x06, 3, 0x2b, 101, 113], &[0x06, 3, 0x2b, 101, 99]);
    let sent = [made_up, intermediate.clone()];
    assert_eq!(
        assess(&sent, std::slice::from_ref(&root)).problem,
        unknown(0, "1.3.101.99")
    );

    // What is proven outweighs it: the root at the top is none of those trusted, or is not there at all.
    let [_, _, other] = make(tempfile::tempdir().unwrap().path(), &PLAIN);
    let of_the_same_name = assess(&[leaf.clone(), intermediate.clone(), root.clone()], &[other]);
    assert!(
        matches!(of_the_same_name.problem, Some(PathProblem::UnknownRoot { .. })),
        "{of_the_same_name:?}"
    );
    assert_eq!(of_the_same_name.complete, None);
    let no_root = assess(&[leaf, intermediate], &[]);
    assert!(
        matches!(no_root.problem, Some(PathProblem::UnknownIssuer { index: 1, .. })),
        "{no_root:?}"
    );
}

/// The bytes with every occurrence of some others replaced, at least two.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let places: Vec<usize> = (0..=out.len() - from.len())
        .filter(|at| out[*at..].starts_with(from))
        .collect();
    assert!(places.len() >= 2, "{places:?}");
    for at in places {
        out[at..at + to.len()].copy_from_slice(to);
    }
    out
}

#[test]
fn other_kinds_of_keys() {
    for (key, name) in [("ed25519", "Ed25519"), ("rsa:3072", "RSA 3072")] {
        let (certificates, problem, openssl) = judge(&Recipe {
            root: key,
            leaf: key,
            ..PLAIN
        });
        assert_eq!((problem, openssl), (None, true), "{key}");
        assert_eq!(certificates[0].key.to_string(), name);
    }
    for (curve, name) in [
        ("P-384", "EC P-384"),
        ("P-521", "EC P-521"),
        ("secp256k1", "EC secp256k1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        openssl::run(
            folder.path(),
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout k.pem -subj /CN=x -days 9 \
                 -outform DER -out c.der"
            ),
        );
        let der = std::fs::read(folder.path().join("c.der")).unwrap();
        assert_eq!(Certificate::from_der(&der).unwrap().key.to_string(), name);
        let expected = Some(PathProblem::SelfSignedLeaf);
        assert_eq!(
            assess(&[der], &[]).problem,
            expected,
            "also where the curve cannot be checked"
        );
    }
}
