//! What mutation starts from: small inputs that reach far, made by the suite's own writers where it
//! has them.

pub mod acme;
pub mod bodies;
pub mod edge;
pub mod files;
pub mod http;
pub mod http2;
pub mod names;
pub mod rules;
pub mod texts;
pub mod tls;
pub mod wire;

/// Texts as inputs.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Each input with each of some first bytes, which choose what a target does.
fn with_first(first: &[u8], inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let one = |byte: &u8, input: &Vec<u8>| [&[*byte][..], input].concat();
    first.iter().flat_map(|byte| inputs.iter().map(move |input| one(byte, input))).collect()
}
