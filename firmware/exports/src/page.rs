//! The page that travels with the footage: one file, no network, three languages. It lists cameras, plays their files with
//! the wall clock, shows what is missing, and compares files with the signed manifest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const TEMPLATE: &str = include_str!("page.html");

/// The page for a manifest. What is put in is base64: no name or note can leave its place.
pub(crate) fn page(manifest: &[u8], signature: &[u8], public_key_pem: &str) -> String {
    TEMPLATE
        .replacen("@MANIFEST@", &STANDARD.encode(manifest), 1)
        .replacen("@SIGNATURE@", &STANDARD.encode(signature), 1)
        .replacen("@KEY@", &STANDARD.encode(raw_key(public_key_pem)), 1)
}

/// The 32 bytes of an Ed25519 key: the end of its SubjectPublicKeyInfo (RFC 8410 §4). Empty for anything else; the page
/// then says that it cannot check the signature.
fn raw_key(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|l| !l.starts_with("-----")).collect();
    let der = STANDARD.decode(body.trim()).unwrap_or_default();
    match der.len() {
        44 => der[12..].to_vec(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place_and_nothing_is_loaded_from_elsewhere() {
        let page = page(b"</script><script>alert(1)</script>@KEY@", b"sig", "no key");
        assert!(!page.contains("alert(1)"));
        assert!(!page.contains("@MANIFEST@") && !page.contains("@SIGNATURE@") && !page.contains("@KEY@"));
        assert!(!page.contains("http://") && !page.contains("https://"));
    }

    #[test]
    fn every_language_says_everything() {
        let words: Vec<&str> = TEMPLATE
            .split("const words = {")
            .nth(1)
            .unwrap()
            .split("\n};")
            .next()
            .unwrap()
            .split("title:")
            .skip(1)
            .collect();
        assert_eq!(words.len(), 3);
        for key in [
            "gaps",
            "none",
            "nothing",
            "check",
            "how",
            "trust",
            "whole",
            "altered",
            "missing",
            "checking",
            "sealed",
            "forged",
            "unchecked",
            "othermanifest",
            "unplayable",
            "until",
            "remarks",
            "asked",
            "stream",
            "key",
            "note",
        ] {
            assert!(words.iter().all(|w| w.contains(&format!("{key}: \""))), "{key}");
        }
        for reason in heron_core::GapReason::ALL {
            assert!(
                TEMPLATE.contains(&format!("  {reason}: [")) || TEMPLATE.contains(&format!(" {reason}: [")),
                "{reason}"
            );
        }
    }
}
