//! An edge that encodes, an application whose responses a test writes, and bodies decoded again.
#![allow(dead_code, reason = "each test file uses its part")]

#[path = "../../../waf-filter/tests/site/application.rs"]
pub(crate) mod application;

use std::io::Read as _;

use fosse_harness::{Client, Edge, Response};

use application::Application;

/// An edge of one lane: `coded.test` has its responses encoded, with more lines of the site; every
/// other host has them as they are. Both have the same application.
pub(crate) fn edge(application: &Application, site: &str, more: &str) -> Edge {
    let configuration = format!(
        "lanes = 1\n{more}\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"off\"\n\
         [[site]]\nhosts = [\"coded.test\"]\nbackend = \"app\"\n{site}\n",
        application.address()
    );
    Edge::with_config(&configuration, &[])
}

/// What most tests have for the site that encodes.
pub(crate) const CODED: &str = "compress = true\nwaf = \"off\"";

/// A request for the site that encodes, with more lines of header.
pub(crate) fn request(line: &str, fields: &[&str]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nHost: coded.test\r\n");
    fields.iter().for_each(|field| head.push_str(&format!("{field}\r\n")));
    format!("{head}\r\n").into_bytes()
}

/// The response to a GET on a connection of its own.
pub(crate) fn get(edge: &Edge, path: &str, accepted: &str) -> Response {
    let mut client = Client::connect(edge.address());
    client.send(&request(&format!("GET {path}"), &[&format!("Accept-Encoding: {accepted}")]));
    client.response()
}

/// Text of which no two lines are the same, and which gets a third as long.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut seed = 1_u64;
    let mut line = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("<li class=\"entry\"><a href=\"/items/{}\">item {n}</a></li>\n", seed >> 40)
    };
    let mut out: Vec<u8> = (0..).flat_map(|n| line(n).into_bytes()).take(bytes).collect();
    out.truncate(bytes);
    out
}

/// Bytes that no coding makes shorter.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut seed = 7_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

/// Decodes a whole body.
pub(crate) fn decoded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => {
            flate2::read::GzDecoder::new(body).read_to_end(&mut out).unwrap();
        }
        "br" => {
            brotlic::DecompressorReader::new(body).read_to_end(&mut out).unwrap();
        }
        "zstd" => {
            let mut room = vec![0; 64 << 20];
            let length = zstd_safe::decompress(&mut room[..], body).map_err(zstd_safe::get_error_name).unwrap();
            out = room[..length].to_vec();
        }
        other => panic!("no coding {other}"),
    }
    out
}
