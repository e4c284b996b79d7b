//! The tables and keys of fosse.toml: one row each, which is also its line in fosse.toml(5).

mod acme;
mod auth;
mod backend;
mod cors;
mod edge;
mod exclude;
mod fastcgi;
mod headers;
mod links;
mod listen;
mod mirror;
mod password;
mod retry;
mod site;
mod template;
mod tls;
mod when;

pub use crate::choices::{
    AccessFormat, AddressFamily, BackendProtocol, Balance, ClientCertificates, Coding, KeyType, OverLimit, ProxyOut,
    RetryMethods, RetryOn, Scheduling, SecurityHeaders, TlsVersion, TrustedFields, Underscores, UnknownNames, Utf8,
    Waf,
};
use crate::section::SectionDoc;
pub use acme::Acme;
pub use auth::{Check, ForwardAuth};
pub use backend::{Backend, CacheControl, Health, Server};
pub use cors::Cors;
pub use edge::{Edge, Limits, Timeouts};
pub use exclude::Exclude;
pub use fastcgi::FastCgi;
pub use headers::{HeaderEdits, HeaderReplace};
pub use links::SignedLinks;
pub use listen::Listen;
pub use mirror::Mirror;
pub use password::BasicAuth;
pub use retry::{Retries, Retry};
pub use site::{ErrorPage, Route, Site};
pub use template::Templates;
pub use tls::{BackendTls, Certificate, SiteTls, Tls};
pub use when::When;

/// Every table, in the order of the manual page.
pub const SECTIONS: &[SectionDoc] = &[
    Edge::DOC,
    Timeouts::DOC,
    Limits::DOC,
    Listen::DOC,
    Certificate::DOC,
    Acme::DOC,
    Tls::DOC,
    Site::DOC,
    Route::DOC,
    When::DOC,
    ErrorPage::DOC,
    HeaderEdits::DOC,
    HeaderReplace::DOC,
    ForwardAuth::DOC,
    SignedLinks::DOC,
    BasicAuth::DOC,
    Cors::DOC,
    SiteTls::DOC,
    Mirror::DOC,
    Exclude::DOC,
    Backend::DOC,
    Server::DOC,
    CacheControl::DOC,
    BackendTls::DOC,
    Health::DOC,
    Retry::DOC,
    FastCgi::DOC,
];

/// Returns the title of the table that a key belongs to.
pub(crate) fn table_of(key: &str) -> Option<&'static str> {
    SECTIONS.iter().find(|table| table.keys.iter().any(|row| row.name == key)).map(|table| table.title)
}
