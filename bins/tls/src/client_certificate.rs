//! The certificate of a client: what applications hear of it, and that none is let in of which they
//! could not hear.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest;
use fosse_wire::WireError;
use fosse_wire::facts::{ClientCertificate, HandshakeFacts, NAME_BYTES_MAX, SERIAL_BYTES_MAX};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::name::Name;

/// The facts of a certificate.
#[derive(Debug)]
pub struct Shown {
    fingerprint: [u8; 32],
    serial: Vec<u8>,
    subject: String,
    issuer: String,
}

impl Shown {
    /// Reads a certificate, consuming exactly `der`; `None` where it is none, or has a name or
    /// serial number that is longer than people have.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
        let serial = certificate.serial_number.as_bytes();
        // A zero before a number that would look negative is none of its digits.
        let serial = if let [0, rest @ ..] = serial
            && !rest.is_empty()
        {
            rest
        } else {
            serial
        }
        .to_vec();
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        let (subject, issuer) = (text(&certificate.subject)?, text(&certificate.issuer)?);
        (serial.len() <= SERIAL_BYTES_MAX).then_some(Self { fingerprint, serial, subject, issuer })
    }

    /// Appends these facts and the fingerprint of a first message.
    ///
    /// # Errors
    /// Those of [`HandshakeFacts::encode`].
    pub fn encode(&self, ja4: &str, out: &mut Vec<u8>) -> Result<(), WireError> {
        let certificate = ClientCertificate {
            fingerprint: self.fingerprint,
            serial: &self.serial,
            subject: self.subject.as_bytes(),
            issuer: self.issuer.as_bytes(),
        };
        HandshakeFacts::encode(out, ja4.as_bytes(), Some(&certificate))
    }
}

/// Returns a name as RFC 4514 has it, in ASCII: of other characters each byte of UTF-8 as \XX
/// (section 2.4), as nginx does.
fn text(name: &Name) -> Option<String> {
    let mut text = String::new();
    for character in name.to_string().chars() {
        if matches!(character, ' '..='~') {
            text.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // A String takes everything.
                let _ = write!(text, "\\{byte:02X}");
            }
        }
    }
    (text.len() <= NAME_BYTES_MAX).then_some(text)
}

/// Verifies certificates as another verifier does, and refuses those of which nothing could be
/// said.
#[derive(Debug)]
pub(crate) struct Readable(pub(crate) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Readable {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify_client_cert(leaf, intermediates, now)?;
        // Who is nobody's is not parsed: only what an authority of the site has signed is read.
        Shown::of_der(leaf).map(|_| verified).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
