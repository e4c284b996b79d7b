//! Every fuzz target of the suite. A test compares this table with the tree.

use crate::seeds::{bodies, edge, files, http, rules, wire};

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

/// Targets that break their promise, to show that the driver sees it. Not among all: they are run by name alone.
pub const BROKEN: &[Target] = &[
    Target { name: "broken.panics", run: panics, seeds: Vec::new, tokens: &[b"!?"] },
    Target { name: "broken.dies", run: dies, seeds: Vec::new, tokens: &[b"!?"] },
    Target { name: "broken.hangs", run: hangs, seeds: Vec::new, tokens: &[b"!?"] },
];

fn has_mark(data: &[u8]) -> bool {
    data.windows(2).any(|pair| pair == b"!?")
}

fn panics(data: &[u8]) {
    assert!(!has_mark(data), "the mark is there");
}

fn dies(data: &[u8]) {
    if has_mark(data) {
        std::process::abort();
    }
}

fn hangs(data: &[u8]) {
    while has_mark(data) {
        std::hint::spin_loop();
    }
}

macro_rules! targets {
    ($($name:literal, $run:path, $seeds:expr, $tokens:expr;)*) => {
        /// All of them.
        pub const ALL: &[Target] = &[$(Target { name: $name, run: $run, seeds: $seeds, tokens: $tokens }),*];
    };
}

targets! {
    "bodies.form", fosse_bodies::fuzz::form, bodies::forms, bodies::FORM;
    "bodies.inflate", fosse_bodies::fuzz::inflate, bodies::compressed, &[];
    "bodies.json", fosse_bodies::fuzz::json, bodies::jsons, bodies::JSON;
    "bodies.multipart", fosse_bodies::fuzz::multipart, bodies::multiparts, bodies::MULTIPART;
    "bodies.xml", fosse_bodies::fuzz::xml, bodies::xmls, bodies::XML;
    "bundle.bundle", fosse_bundle::fuzz::bundle, files::bundles, &[];
    "bundle.parts", fosse_bundle::fuzz::parts, files::parts, &[];
    "cidr.image", fosse_cidr::fuzz::image, files::images, &[];
    "cidr.lists", fosse_cidr::fuzz::lists, files::lists, files::ADDRESSES;
    "config_model.configuration", fosse_model::fuzz::configuration, files::configurations, files::CONFIGURATION;
    "frames.frames", fosse_frames::fuzz::frames, wire::frames, http::TOKENS;
    "frames.lines", fosse_frames::fuzz::lines, wire::lines, wire::JSON;
    "http1.chunked", fosse_http1::fuzz::chunked, http::chunked, http::CHUNKED;
    "http1.request", fosse_http1::fuzz::request, http::requests, http::TOKENS;
    "http1.response", fosse_http1::fuzz::response, http::responses, http::TOKENS;
    "libinjection.detect", fosse_libinjection::fuzz::detect, bodies::attacks, bodies::ATTACK;
    "parse.inbound", fosse_parse::fuzz::inbound, http::conversations, http::TOKENS;
    "parse.outbound", fosse_parse::fuzz::outbound, edge::answers, &[];
    "pattern.pattern", fosse_pattern::fuzz::pattern, edge::patterns, edge::PATTERN;
    "pattern.phrases", fosse_pattern::fuzz::phrases, edge::phrases, edge::PHRASE;
    "plan.plan", fosse_plan::fuzz::plan, files::plans, &[];
    "proxyproto.decode", fosse_proxyproto::fuzz::decode, edge::proxy_headers, edge::PROXY;
    "seclang.rules", fosse_seclang::fuzz::rules, rules::files, rules::SECLANG;
    "seclang.transaction", fosse_seclang::fuzz::transaction, rules::requests, rules::ATTACK;
    "static.conditions", fosse_static::fuzz::conditions, edge::conditions, edge::CONDITION;
    "static.range", fosse_static::fuzz::range, edge::ranges, edge::RANGE;
    "static.target", fosse_static::fuzz::target, edge::paths, edge::PATH;
    "status.request", fosse_status::request::fuzz::request, http::requests, http::TOKENS;
    "store.conversation", fosse_store::fuzz::conversation, wire::filters, &[];
    "transform.transform", fosse_transform::fuzz::transform, edge::transformed, edge::ESCAPES;
    "transform.transform_all", fosse_transform::fuzz::transform_all, edge::escaped, edge::ESCAPES;
    "waf_filter.answers", fosse_waf_filter::fuzz_answers::answers, edge::judged_answers, &[];
    "waf_filter.judge", fosse_waf_filter::fuzz::judge, edge::verdicts, &[];
    "wire.messages", fosse_wire::fuzz::messages, wire::messages, &[];
    "wire.ring", fosse_wire::fuzz::ring, wire::rings, &[];
    "wire.store", fosse_wire::fuzz::store, wire::stores, &[];
}
