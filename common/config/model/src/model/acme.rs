//! Certificate authorities of which certificates are ordered.

use crate::choices::Challenge;
use crate::names::{AuthorityWord, Contact, DirectoryUrl, FilePath, Name};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, section};

section! {
    /// A certificate authority that issues certificates by ACME (RFC 8555), such as Let's Encrypt.
    /// fosse-acme(8) orders of it those that name it, and renews them: when the authority says so
    /// (RFC 9773), else at two thirds of their life.
    Acme "[[acme]]" {
        /// Name that certificates use.
        name: Name, Required;
        /// URL of its directory. That of Let's Encrypt for trials is
        /// https://acme-staging-v02.api.letsencrypt.org/directory.
        directory: DirectoryUrl, Default("\"https://acme-v02.api.letsencrypt.org/directory\"");
        /// The proof that a name is this machine's: "http-01" is a path at port 80, which every
        /// listener serves before redirects, rules and passwords; "tls-alpn-01" a handshake at port
        /// 443 with the protocol acme-tls/1 (RFC 8737), for which no listener without TLS is
        /// needed.
        challenge: Challenge, Default("\"http-01\"");
        /// Addresses of mail that it may write to of problems.
        contact: Vec<At<Contact>>, Default("[]"), 0..=8;
        /// The explicit word that you agree to its terms of service.
        agree_to_terms: bool, Default("false");
        /// File in PEM with the certificates by which the authority's own server is known.
        ca_file: Option<FilePath>, Absent("those that the system trusts");
        /// Profile of the certificates that it issues, where it has several.
        profile: Option<AuthorityWord>, Absent("that of the authority");
        /// Name of the key that binds the account to one that you have there already (EAB).
        key_id: Option<AuthorityWord>, Absent("the account is bound to none");
        /// File with that key, in base64url as the authority shows it. It belongs to root, and
        /// others must not read it.
        key_file: Option<FilePath>, Absent("the account is bound to none");
    }
}
