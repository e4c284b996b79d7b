//! Revocation of a certificate (RFC 8555, section 7.6), as whoever has its key may ask for it: from
//! then on the CA's renewal information says that it is to be renewed at once (RFC 9773).

use std::path::Path;
use std::process::{Command, Stdio};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Pebble;
use crate::{server::output, wait_for};

impl Pebble {
    /// Has a certificate of a P-256 key revoked; `certificate` is a file of PEM whose first
    /// certificate is meant, `key` one with its key.
    ///
    /// # Panics
    /// Where the CA does not do it.
    pub fn revoke(&self, certificate: &Path, key: &Path) {
        let der = bytes(Command::new("openssl").args(["x509", "-outform", "DER", "-in"]).arg(certificate));
        let public = bytes(Command::new("openssl").args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(key));
        let (x, y) = public[public.len() - 64..].split_at(32);
        let payload = encoded(format!(r#"{{"certificate":"{}"}}"#, encoded(der)));
        // It refuses some good nonces, for its users to try again.
        wait_for("a revocation", || {
            let url = format!("https://localhost:{}/revoke-cert", self.port);
            let protected = encoded(format!(
                r#"{{"alg":"ES256","jwk":{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}},"nonce":"{}","url":"{url}"}}"#,
                encoded(x),
                encoded(y),
                self.nonce()
            ));
            let signature = encoded(sign(&self.dir.join("signed"), &format!("{protected}.{payload}"), key));
            let body = format!(r#"{{"protected":"{protected}","payload":"{payload}","signature":"{signature}"}}"#);
            let mut curl = self.curl();
            curl.args(["-H", "Content-Type: application/jose+json", "-d", &body, "-w", "%{http_code}", &url]);
            let said = output(&mut curl);
            assert!(said.ends_with("200") || said.contains("badNonce"), "{said}");
            said.ends_with("200").then_some(())
        });
    }

    fn nonce(&self) -> String {
        let head = output(self.curl().args(["-I", &format!("https://localhost:{}/nonce-plz", self.port)]));
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(name, _)| name.eq_ignore_ascii_case("replay-nonce")).expect(&head).1.trim().to_owned()
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(command: &mut Command) -> Vec<u8> {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Signs with ES256: r and s of 32 bytes each (RFC 7518, section 3.4), where openssl(1) gives two
/// integers of DER.
fn sign(file: &Path, text: &str, key: &Path) -> Vec<u8> {
    std::fs::write(file, text).unwrap();
    let der = bytes(Command::new("openssl").args(["dgst", "-sha256", "-sign"]).arg(key).arg(file));
    let (r, rest) = integer(&der[2..]);
    [r, integer(rest).0].concat()
}

/// Returns an integer of DER as 32 bytes, and what follows it.
fn integer(der: &[u8]) -> (Vec<u8>, &[u8]) {
    let (number, rest) = der[2..].split_at(usize::from(der[1]));
    let digits = &number[number.len().saturating_sub(32)..];
    ([vec![0; 32 - digits.len()], digits.to_vec()].concat(), rest)
}
