//! Files of certificates and keys, whatever is in them.

use std::time::Duration;

use fosse_certs::{chain, key::PrivateKey};

/// Reads any bytes as a chain, and checks what it reads at a time within most certificates.
///
/// # Panics
/// Where a promise is broken.
pub fn chain(data: &[u8]) {
    let Ok(certificates) = chain::certificates(data, 10) else { return };
    assert!((1..=10).contains(&certificates.len()));
    if let Ok(checked) = chain::check(&certificates, None, Duration::from_secs(1_800_000_000)) {
        assert!(!checked.names.is_empty() && (1..=certificates.len()).contains(&checked.sent));
    }
}

/// Reads any bytes as a private key.
///
/// # Panics
/// Where a promise is broken.
pub fn key(data: &[u8]) {
    if let Ok(key) = PrivateKey::of_pem(data) {
        assert!(!key.pkcs8.is_empty() && !key.spki.is_empty());
    }
}
