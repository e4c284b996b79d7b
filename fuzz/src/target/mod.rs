//! The targets: functions that take any bytes and panic where a promise is broken. A file for each
//! crate whose decoders they drive; sweeps in a crate's own tests include its file.

pub mod bodies;
pub mod bundle;
pub mod cidr;
pub mod dispatch;
pub mod dns;
pub mod fastcgi;
pub mod frames;
pub mod ftw;
pub mod gather;
pub mod http1;
pub mod layout;
pub mod libinjection;
pub mod log;
pub mod migrate;
pub mod model;
pub mod parse;
pub mod paths;
pub mod pattern;
pub mod plan;
pub mod prober;
pub mod proxyproto;
pub mod resolve;
pub mod routing;
pub mod seclang;
pub mod settings;
pub mod spool;
pub mod r#static;
pub mod status;
pub mod store;
pub mod transform;
pub mod waf_filter;
pub mod waf_filter_responses;
mod waf_filter_store_double;
pub mod wire;
