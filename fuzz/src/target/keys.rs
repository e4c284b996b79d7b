//! What fosse-keys signs.

use fosse_keys::form::Form;

/// A message has the form of a handshake or none; with a byte more or less it has another or none.
///
/// # Panics
/// Where a promise is broken.
pub fn form(data: &[u8]) {
    let Some(form) = Form::of(data) else { return };
    assert_ne!(Form::of(&[data, &[0]].concat()), Some(form));
    assert_ne!(Form::of(&data[..data.len() - 1]), Some(form));
    let is_tls13 = data.starts_with(&[b' '; 64]) && data[64..].starts_with(b"TLS 1.3, server CertificateVerify\0");
    assert_eq!(form == Form::Tls13, is_tls13);
}
