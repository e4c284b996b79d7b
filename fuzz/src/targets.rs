//! Every fuzz target of the suite. A test compares this table with the tree.

use crate::seeds::{acme, bodies, edge, files, http, http2, names, rules, texts, tls, wire};
use crate::target;

/// One function that takes any bytes and panics where a promise is broken.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Crate (without `fosse_`) and function.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// What mutation starts from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What it puts in.
    pub tokens: &'static [&'static [u8]],
}

/// A fault that is found only by one who sees which branches each byte opens.
pub const PLANTED: Target =
    Target { name: "planted.fault", run: planted, seeds: || vec![b"....".to_vec()], tokens: &[] };

fn planted(data: &[u8]) {
    // One byte at a time, and the compiler kept from looking at all of them at once.
    let is = |at: usize, byte: u8| std::hint::black_box(data).get(at) == Some(&byte);
    assert!(!(is(0, b'p') && is(1, b'l') && is(2, b'a') && is(3, b'n') && is(4, b't')), "the planted fault");
}

/// Finds a target by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    ALL.iter().chain([&PLANTED]).find(|target| target.name == name)
}

macro_rules! targets {
    ($($name:literal, $run:path, $seeds:expr, $tokens:expr;)*) => {
        /// All of them.
        pub const ALL: &[Target] = &[$(Target { name: $name, run: $run, seeds: $seeds, tokens: $tokens }),*];
    };
}

targets! {
    "acme.challenges", target::acme::challenges, acme::challenges, acme::TOKENS;
    "acme.handshakes", target::acme::handshakes, acme::hellos, acme::PROTOCOLS;
    "acme.leaf", target::acme::leaf, tls::client_certificates, &[];
    "acme.responses", target::acme::responses, acme::responses, acme::TOKENS;
    "acme.state", target::acme::state, acme::states, &[];
    "bodies.form", target::bodies::form, bodies::forms, bodies::FORM;
    "bodies.inflate", target::bodies::inflate, bodies::compressed, &[];
    "bodies.json", target::bodies::json, bodies::jsons, bodies::JSON;
    "bodies.multipart", target::bodies::multipart, bodies::multiparts, bodies::MULTIPART;
    "bodies.xml", target::bodies::xml, bodies::xmls, bodies::XML;
    "bundle.bundle", target::bundle::bundle, files::bundles, &[];
    "bundle.pages", target::bundle::pages, files::pages, &[];
    "bundle.parts", target::bundle::parts, files::parts, &[];
    "cache.disk", target::cache::disk, files::disks, &[];
    "caching.directives", target::caching::directives, http::cache_controls, http::TOKENS;
    "caching.records", target::caching::records, wire::records, &[];
    "certs.chain", target::certs::chain, tls::certificates, tls::PEM;
    "certs.key", target::certs::key, tls::private_keys, tls::PEM;
    "cidr.image", target::cidr::image, files::images, &[];
    "cidr.lists", target::cidr::lists, files::lists, files::ADDRESSES;
    "conditional.conditions", target::conditional::conditions, edge::conditions, edge::CONDITION;
    "conditional.range", target::conditional::range, edge::ranges, edge::RANGE;
    "counters.connections", target::counters::connections, edge::connections, &[];
    "dispatch.responses", target::dispatch::responses, http::server_responses, http::TOKENS;
    "dns.responses", target::dns::responses, names::responses, names::MESSAGE;
    "encode.frames", target::encode::frames, wire::to_encode, &[];
    "encode.responses", target::encode::responses, wire::encoded, &[];
    "fastcgi.responses", target::fastcgi::responses, edge::fastcgi_responses, edge::FASTCGI;
    "frames.frames", target::frames::frames, wire::frames, http::TOKENS;
    "frames.lines", target::frames::lines, wire::lines, wire::JSON;
    "ftw.files", target::ftw::files, texts::regressions, texts::YAML;
    "gather.references", target::gather::references, rules::files, rules::SECLANG;
    "hello.hello", target::hello::hello, edge::hellos, &[];
    "hpack.blocks", target::hpack::blocks, http2::blocks, http2::TEXTS;
    "http1.accept_encoding", target::http1::accept_encoding, http::accept_encoding, http::CODINGS;
    "http1.chunked", target::http1::chunked, http::chunked, http::CHUNKED;
    "http1.forwarded", target::http1::forwarded, http::forwarded, http::FORWARDED;
    "http1.lenient", target::http1::lenient, http::responses, http::TOKENS;
    "http1.request", target::http1::request, http::requests, http::TOKENS;
    "http1.response", target::http1::response, http::responses, http::TOKENS;
    "images.chains", target::images::chains, tls::chains, &[];
    "images.files", target::images::files, tls::files, &[];
    "images.keys", target::images::keys, tls::keys, &[];
    "keys.form", target::keys::form, tls::signed, &[];
    "http2.frames", target::http2::frames, http2::frames, http2::TEXTS;
    "http2.servers", target::http2::servers, http2::servers, http2::TEXTS;
    "layout.layout", target::layout::layout, files::configurations, files::CONFIGURATION;
    "libinjection.detect", target::libinjection::detect, bodies::attacks, bodies::ATTACK;
    "links.links", target::links::links, edge::links, edge::LINK;
    "log.lines", target::log::lines, texts::logs, &[b"\n"];
    "migrate.caddy", target::migrate::caddy, files::caddy, files::NGINX;
    "migrate.haproxy", target::migrate::haproxy, files::haproxy, files::HAPROXY;
    "migrate.nginx", target::migrate::nginx, files::nginx, files::NGINX;
    "model.configuration", target::model::configuration, files::configurations, files::CONFIGURATION;
    "model.sources", target::model::sources, files::several, files::CONFIGURATION;
    "parse.inbound", target::parse::inbound, http::conversations, http::TOKENS;
    "parse.outbound", target::parse::outbound, edge::answers, &[];
    "password.conversation", target::password::conversation, wire::asking_dispatches, &[];
    "passwords.files", target::passwords::files, texts::users, texts::USER;
    "paths.globs", target::paths::globs, files::globs, &[b"*", b"?", b"[!a-c]", b"/", b"../", b"./"];
    "pattern.pattern", target::pattern::pattern, edge::patterns, edge::PATTERN;
    "pattern.phrases", target::pattern::phrases, edge::phrases, edge::PHRASE;
    "plan.plan", target::plan::plan, files::plans, &[];
    "prober.responses", target::prober::responses, http::check_responses, http::TOKENS;
    "proxyproto.decode", target::proxyproto::decode, edge::proxy_headers, edge::PROXY;
    "resolve.files", target::resolve::files, names::files, names::FILE;
    "routing.policy", target::routing::policy, edge::paths, edge::PATH;
    "routing.script", target::routing::script, edge::scripts, edge::PATH;
    "seclang.rules", target::seclang::rules, rules::files, rules::SECLANG;
    "seclang.transaction", target::seclang::transaction, rules::requests, rules::ATTACK;
    "settings.blobs", target::settings::blobs, texts::blobs, &[];
    "spool.conversation", target::spool::conversation, wire::spooling_filters, &[];
    "static.encoding", target::r#static::encoding, edge::encodings, edge::ENCODING;
    "static.target", target::r#static::target, edge::paths, edge::PATH;
    "status.request", target::status::request, http::requests, http::TOKENS;
    "store.conversation", target::store::conversation, wire::filters, &[];
    "tls.certificate", target::tls::certificate, tls::client_certificates, &[];
    "transform.transform", target::transform::transform, edge::transformed, edge::ESCAPES;
    "transform.transform_all", target::transform::transform_all, edge::escaped, edge::ESCAPES;
    "waf_filter.answers", target::waf_filter_responses::answers, edge::judged_answers, &[];
    "waf_filter.judge", target::waf_filter::judge, edge::verdicts, &[];
    "wire.messages", target::wire::messages, wire::messages, &[];
    "wire.ring", target::wire::ring, wire::rings, &[];
    "wire.password", target::wire::password, wire::passwords, &[];
    "wire.cache", target::wire::cache, wire::caches, &[];
    "wire.signing", target::wire::signing, tls::signing, &[];
    "wire.spool", target::wire::spool, wire::spools, &[];
    "wire.store", target::wire::store, wire::stores, &[];
}
