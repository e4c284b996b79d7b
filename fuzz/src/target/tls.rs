//! Certificates of clients, whatever an authority has signed.

use fosse_tls::client_certificate::Shown;
use fosse_wire::facts::HandshakeFacts;

/// What is read of a certificate is what a header field or a line may hold, or nothing is.
///
/// # Panics
/// On a broken promise.
pub fn certificate(data: &[u8]) {
    let Some(shown) = Shown::of_der(data) else { return };
    let mut bytes = Vec::new();
    shown.encode("", &mut bytes).unwrap();
    let facts = HandshakeFacts::decode(&bytes).unwrap();
    assert!(facts.certificate().is_some() && facts.ja4().is_empty());
}
