//! Any bytes as the settings of a program.

use fosse_wire::blob::{decode, encode};
use serde::{Serialize, de::DeserializeOwned};

/// The first byte chooses the program: what decodes is the same after it was encoded again.
pub fn blobs(data: &[u8]) {
    let Some((program, bytes)) = data.split_first() else { return };
    match program % 9 {
        0 => same::<fosse_settings::Accept>(bytes),
        1 => same::<fosse_settings::Parse>(bytes),
        2 => same::<fosse_settings::WafFilter>(bytes),
        3 => same::<fosse_settings::Dispatch>(bytes),
        4 => same::<fosse_settings::Files>(bytes),
        5 => same::<fosse_settings::Prober>(bytes),
        6 => same::<fosse_settings::tls::TlsSettings>(bytes),
        7 => same::<fosse_settings::tls::Certs>(bytes),
        _ => same::<fosse_settings::Resolve>(bytes),
    }
}

fn same<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(settings) = decode::<T>(bytes) {
        let again = encode(&settings).expect("what was decoded can be encoded");
        assert_eq!(decode::<T>(&again).expect("what was encoded can be decoded"), settings);
    }
}
