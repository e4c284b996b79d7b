//! The cipher suites that are spoken here.

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cipher {
    /// Its number in IANA's registry.
    pub number: u16,
    /// The name that OpenSSL has for it, as nginx and HAProxy do.
    pub name: &'static str,
    /// The name in IANA's registry.
    pub iana: &'static str,
    /// It is one of TLS 1.3, which has no others.
    pub is_tls13: bool,
}

const fn tls13(number: u16, name: &'static str) -> Cipher {
    Cipher { number, name, iana: name, is_tls13: true }
}

const fn tls12(number: u16, name: &'static str, iana: &'static str) -> Cipher {
    Cipher { number, name, iana, is_tls13: false }
}

/// All of them, in the order in which they are preferred where the configuration says nothing. Each
/// has forward secrecy and authenticates what it encrypts.
pub const CIPHERS: [Cipher; 9] = [
    tls13(0x1302, "TLS_AES_256_GCM_SHA384"),
    tls13(0x1301, "TLS_AES_128_GCM_SHA256"),
    tls13(0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    tls12(0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    tls12(0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    tls12(0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    tls12(0xc030, "ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    tls12(0xc02f, "ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    tls12(0xcca8, "ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];

impl Cipher {
    /// Returns the suite of a number.
    #[must_use]
    pub fn of_number(number: u16) -> Option<&'static Self> {
        CIPHERS.iter().find(|cipher| cipher.number == number)
    }

    /// Returns the suite that somebody calls so.
    #[must_use]
    pub fn of_name(name: &str) -> Option<&'static Self> {
        CIPHERS.iter().find(|cipher| [cipher.name, cipher.iana].iter().any(|one| one.eq_ignore_ascii_case(name)))
    }
}
