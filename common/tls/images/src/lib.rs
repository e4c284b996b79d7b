//! fosse-images: certificates and private keys as fosse-certs writes them and as others read them,
//! in two images: the chains are public and for fosse-tls, the keys are for fosse-keys alone. Both
//! name a key by the SHA-256 of its SubjectPublicKeyInfo, so that generations agree.
//!
//! No I/O: bytes in, slices of the same bytes out. An image is sealed before it is read, is
//! consumed exactly, and has one form: what decodes encodes to the same bytes.

#![forbid(unsafe_code)]

mod chains;
mod files;
mod keys;
mod loaded;

pub use chains::{Authority, Certificate, Chains};
pub use files::{FILE_BYTES_MAX, FILES_BYTES_MAX, FILES_COUNT_MAX, Files};
pub use keys::{Key, Keys};
pub use loaded::{Loaded, LoadedChains};

/// Certificates of one edge: one for each of 10,000 sites, and as many again of another kind.
pub const CERTIFICATES_COUNT_MAX: usize = 20_000;
/// Certificates of one chain. Public ones have two or three; web servers give up at ten.
pub const CHAIN_COUNT_MAX: usize = 10;
/// Bytes of a certificate: names for 100 hosts take 10 KiB, and a TLS message has 16 MiB.
pub const CERTIFICATE_BYTES_MAX: usize = 64 << 10;
/// Names in all certificates, each once for each certificate that has it.
pub(crate) const NAMES_COUNT_MAX: usize = 200_000;
/// Certificate authorities of all sites that ask clients for certificates.
pub const AUTHORITIES_COUNT_MAX: usize = 1024;
/// Bytes of a private key: an RSA key of 4,096 bits has 2,400.
pub const KEY_BYTES_MAX: usize = 8 << 10;
/// Bits of an RSA key at least (CA/Browser Forum Baseline Requirements, section 6.1.5).
pub const RSA_BITS_MIN: usize = 2048;
/// Bits of an RSA key. A signature with more takes longer than a handshake waits for one (5 ms).
pub const RSA_BITS_MAX: usize = 4096;
/// Bytes of the image of chains: 20,000 chains of 4 KiB each.
pub const CHAINS_BYTES_MAX: usize = 128 << 20;
/// Bytes of the image of keys: 20,000 of RSA.
pub const KEYS_BYTES_MAX: usize = 64 << 20;
