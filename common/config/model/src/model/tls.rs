//! TLS: certificates, and the terms on which clients are served.

use crate::choices::{ClientCertificates, KeyType, TlsVersion, UnknownNames};
use crate::names::{CipherName, FilePath, GroupName, HostName, HostPattern, Name};
use crate::section::Presence::{Absent, Default};
use crate::section::{At, section};
use crate::value::Seconds;

section! {
    /// A certificate and its private key, for listeners with tls = true. The names in it say which
    /// sites it is shown for: a name as a whole before a star. Several may have the same names, an
    /// ECDSA and an RSA one, say: the first that a client can use is shown. The files are read when
    /// the edge starts and at each reload; fosse check reads them too.
    Certificate "[[certificate]]" {
        /// File in PEM with the certificate, and after it that of its issuer, and so on, without
        /// the root: fullchain.pem of certbot.
        file: Option<FilePath>, Absent("it is ordered: acme");
        /// File in PEM with its private key, without a password: RSA of 2048 to 4096 bits, ECDSA on
        /// P-256 or P-384, or Ed25519. It belongs to root (or to who starts the edge), who alone
        /// may write it, and others must not read it.
        key: Option<FilePath>, Absent("it is made when the certificate is ordered");
        /// Name of the [[acme]] of which the certificate is ordered and renewed, in place of file
        /// and key. Until there is one its names are not served over TLS.
        acme: Option<Name>, Absent("the certificate is in a file");
        /// Names of hosts that an ordered certificate has.
        names: Vec<At<HostPattern>>, Default("[]"), 0..=100;
        /// Kind of the key of an ordered certificate. Each renewal makes a new one.
        key_type: KeyType, Default("\"ecdsa-p256\"");
    }
}

section! {
    /// TLS of all listeners that have it.
    Tls "[tls]" {
        /// Oldest version of TLS: "1.2" or "1.3".
        minimum_version: TlsVersion, Default("\"1.2\"");
        /// Cipher suites, the best first: the first that a client speaks is taken. Names are those
        /// of OpenSSL or of IANA. None of those that there are is weak: the list is for who must
        /// not speak some of them.
        ciphers: Vec<At<CipherName>>, Absent("all that there are, AES of 256 bits first"), 1..=16;
        /// Groups of key exchange, of which the first in the order of the client is taken:
        /// X25519MLKEM768, SecP256r1MLKEM768 (both of them safe from quantum computers), X25519,
        /// secp256r1 and secp384r1.
        groups: Vec<At<GroupName>>, Absent("all but SecP256r1MLKEM768"), 1..=16;
        /// Treatment of clients that name a host that no certificate has, or none: "refuse" ends
        /// the handshake (unrecognized_name), "default" shows the first certificate.
        unknown_names: UnknownNames, Default("\"refuse\"");
        /// Clients are offered HTTP/2 (ALPN h2), besides HTTP/1.1.
        http2: bool, Default("true");
        /// From the accept to the end of the handshake.
        handshake_seconds: Seconds, Default("10"), 1..=600;
    }
}

section! {
    /// TLS of one site. A request over a connection to a site of other terms gets 421.
    SiteTls "[site.tls]" {
        /// The site is served over TLS, where a listener has it, and a certificate has to have each
        /// of its names. With false it is served over other listeners alone.
        enabled: bool, Default("true");
        /// Clients that come without TLS are sent to https (308), where a listener has TLS: to a
        /// name of the site that they have asked for, at the port of that listener. Not where a
        /// listener is of loopback or a unix socket, or is behind_tls, nor those of whom a trusted
        /// proxy says that they came by https. That comes before routes, rules and passwords.
        redirect: bool, Default("true");
        /// Oldest version of TLS.
        minimum_version: Option<TlsVersion>, Absent("that of [tls]");
        /// File in PEM with the certificates of the authorities from which those of clients
        /// descend. The application gets X-SSL-Client-Verify (SUCCESS or NONE), and of a
        /// certificate X-SSL-Client-S-DN, X-SSL-Client-I-DN, X-SSL-Client-Serial and
        /// X-SSL-Client-Fingerprint (its SHA-256), unless request_headers says otherwise. What
        /// clients themselves send as X-SSL- anything, or as Client-Cert, is removed, whatever the
        /// site.
        client_ca: Option<FilePath>, Absent("clients are asked for no certificate");
        /// File in PEM with the lists of certificates that these authorities have revoked. A client
        /// whose certificate is in one is refused, and so is one by an authority that has no list
        /// here, or whose list has ended. `fosse certs reload` reads it again.
        client_crl: Option<FilePath>, Absent("no certificate is revoked");
        /// Clients without a certificate: "required" refuses them, "optional" lets them in, and the
        /// application hears who has shown one. Nobody is asked for one by listeners without TLS:
        /// of these, public ones must not serve a site that requires them.
        client_certificates: ClientCertificates, Default("\"required\"");
    }
}

section! {
    /// TLS with the servers of a backend that are written with https://, by fosse-connect-tls(8). A
    /// server whose certificate is not by an authority that is trusted, has expired or is of
    /// another name is not connected to: that is a failed connect, whose reason is in the log. A
    /// response that has no length and ends without TLS having said so was cut off.
    BackendTls "[backend.tls]" {
        /// File in PEM with the certificates of the authorities that are trusted, and no others: a
        /// server's own, where nobody has signed it.
        ca_file: Option<FilePath>, Absent("those that the system trusts");
        /// Name that servers are asked for (SNI), and that their certificates have to have.
        server_name: Option<HostName>, Absent("that of the address");
        /// Oldest version of TLS.
        minimum_version: TlsVersion, Default("\"1.2\"");
        /// With false whoever is there is believed, whatever certificate it has: anybody between
        /// this machine and the server can then read and change all that passes. Name the
        /// authority in ca_file instead, which may be the server's own certificate.
        verify: bool, Default("true");
    }
}
