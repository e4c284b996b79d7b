//! Private keys in the forms that files have, made into the one of the image.

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RsaKeyPair,
    },
};
use fosse_images::{RSA_BITS_MAX, RSA_BITS_MIN};
use fosse_wire::signing::{KeyKind, SpkiHash};
use rustls_pki_types::{
    PrivateKeyDer,
    pem::{Error, PemObject as _},
};
use zeroize::Zeroizing;

/// A private key.
pub struct PrivateKey {
    /// Its kind.
    pub kind: KeyKind,
    /// PKCS#8.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// The SubjectPublicKeyInfo that belongs to it.
    pub spki: Vec<u8>,
}

/// Shows its kind alone.
impl core::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PrivateKey").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Returns the name of a key by its SubjectPublicKeyInfo.
#[must_use]
pub fn spki_hash(spki: &[u8]) -> SpkiHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, spki).as_ref());
    SpkiHash(hash)
}

impl PrivateKey {
    /// Reads the first key of a file in PEM.
    ///
    /// # Errors
    /// What is wrong with it, and the cure where it is one step.
    pub fn of_pem(pem: &[u8]) -> Result<Self, String> {
        // Both "ENCRYPTED PRIVATE KEY" (RFC 7468) and "Proc-Type: 4,ENCRYPTED" (RFC 1421).
        if contains(pem, b"ENCRYPTED") {
            let cure = "write it without one, as openssl pkey -in FILE -out FILE does";
            return Err(format!("the key has a password; {cure}"));
        }
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
            Error::NoItemsFound => "there is no private key in PEM".to_owned(),
            _ => "the PEM of the private key is malformed".to_owned(),
        })?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(der) => Self::of_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => Self::of_rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Sec1(der) => Self::of_sec1(der.secret_sec1_der()),
            _ => Err(OTHER.to_owned()),
        };
        wipe(der);
        key
    }

    fn of_pkcs8(der: &[u8]) -> Result<Self, String> {
        let curves = [
            (KeyKind::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING),
            (KeyKind::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        ];
        for (kind, curve) in curves {
            if let Ok(key) = EcdsaKeyPair::from_pkcs8(curve, der) {
                return Self::of_ecdsa(kind, &key);
            }
        }
        if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            let pkcs8 = key.to_pkcs8v1().map_err(|_| OTHER)?;
            let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).map_err(|_| OTHER)?;
            let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
            return Ok(Self { kind: KeyKind::Ed25519, pkcs8, spki: spki.as_ref().to_vec() });
        }
        Self::of_rsa(RsaKeyPair::from_pkcs8(der))
    }

    fn of_sec1(der: &[u8]) -> Result<Self, String> {
        let p256 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
        if let Ok(key) = p256 {
            return Self::of_ecdsa(KeyKind::EcdsaP256, &key);
        }
        let p384 = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_ASN1_SIGNING, der);
        Self::of_ecdsa(KeyKind::EcdsaP384, &p384.map_err(|_| OTHER)?)
    }

    fn of_ecdsa(kind: KeyKind, key: &EcdsaKeyPair) -> Result<Self, String> {
        let pkcs8 = key.to_pkcs8v1().map_err(|_| OTHER)?;
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).map_err(|_| OTHER)?;
        Ok(Self { kind, pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()), spki: spki.as_ref().to_vec() })
    }

    fn of_rsa(key: Result<RsaKeyPair, aws_lc_rs::error::KeyRejected>) -> Result<Self, String> {
        let key = key.map_err(|rejected| match rejected.to_string().as_str() {
            "TooSmall" => format!("the RSA key has fewer than {RSA_BITS_MIN} bits; make a longer one, or an ECDSA key"),
            _ => OTHER.to_owned(),
        })?;
        let bits = key.public_modulus_len() * 8;
        if bits > RSA_BITS_MAX {
            let why = "whose signatures take longer than a handshake may";
            return Err(format!("the RSA key has more than {RSA_BITS_MAX} bits, {why}; make a shorter one"));
        }
        if bits < RSA_BITS_MIN {
            return Err(format!("the RSA key has fewer than {RSA_BITS_MIN} bits; make a longer one, or an ECDSA key"));
        }
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| OTHER)?;
        let spki = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).map_err(|_| OTHER)?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        Ok(Self { kind: KeyKind::Rsa, pkcs8, spki: spki.as_ref().to_vec() })
    }
}

const OTHER: &str = "the key is none of RSA, ECDSA on P-256 or P-384, and Ed25519";

/// Wipes what was decoded of a file.
fn wipe(der: PrivateKeyDer<'static>) {
    use zeroize::Zeroize as _;
    match der {
        PrivateKeyDer::Pkcs8(mut der) => der.zeroize(),
        PrivateKeyDer::Pkcs1(mut der) => der.zeroize(),
        PrivateKeyDer::Sec1(mut der) => der.zeroize(),
        _ => {}
    }
}

/// Returns whether bytes have these in them.
#[must_use]
pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}
