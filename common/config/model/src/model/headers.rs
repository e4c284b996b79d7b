//! What is done to headers.

use crate::names::{EditedField, HeaderTexts, PathRegex, ReplacementText};
use crate::section::Presence::{Default, Required};
use crate::section::{At, section};

section! {
    /// Changes of headers: of [site.request_headers], [site.response_headers] and both of
    /// [site.route]. Values may hold variables: {client_address}, {client_port}, {host},
    /// {authority} (the host with its port), {scheme}, {method}, {request_id}, {path}, {query},
    /// {target} (path and query as the client sent them), {header.NAME} (of the request), and of
    /// the handshake of a client that came over TLS {tls_version}, {tls_cipher}, {tls_server_name},
    /// {tls_ja4}, {tls_client_verify} (SUCCESS or NONE), {tls_client_subject}, {tls_client_issuer},
    /// {tls_client_serial} and {tls_client_fingerprint} (SHA-256); "{{"
    /// is a brace. A value that is empty then, or that no header may have, writes no header.
    /// Headers that belong to the connection (Connection, Content-Length and their like) are
    /// written by fosse alone.
    HeaderEdits "[site.request_headers]" {
        /// Written in place of all headers of the name.
        set: HeaderTexts, Default("{}"), 0..=64;
        /// Written besides those that are there.
        add: HeaderTexts, Default("{}"), 0..=64;
        /// Written where there is none of the name.
        default: HeaderTexts, Default("{}"), 0..=64;
        /// Left out.
        remove: Vec<At<EditedField>>, Default("[]"), 0..=64;
        /// Changed in part.
        replace: Vec<At<HeaderReplace>>, Default("[]"), 0..=16;
    }
}

section! {
    /// A part of a header that becomes another one, of [site.request_headers] and
    /// [site.response_headers] alike; in the order of the file. In each header of the name it is
    /// the first part in which the expression is found. A header of which nothing is left is left
    /// out. Expressions are looked for in 8 KiB of headers of one message at most: a
    /// request with more gets 431, a response 502.
    HeaderReplace "[[site.request_headers.replace]]" {
        /// Name of the header.
        header: EditedField, Required;
        /// A regular expression that is looked for in its value.
        regex: PathRegex, Required;
        /// Text that this part becomes; it may hold variables, and groups of the expression:
        /// "https://{1}".
        value: ReplacementText, Required;
    }
}
