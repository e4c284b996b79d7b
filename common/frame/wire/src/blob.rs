//! Blobs: a program's configuration as bytes. The only file that knows the codec (bincode =2.0.1,
//! standard configuration).

use serde::{Serialize, de::DeserializeOwned};

/// The largest blob. A thousand sites with a dozen routes each take less than 2 MiB.
pub const BLOB_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The reason why a blob is refused.
#[derive(Debug)]
pub struct BlobError(String);

impl std::fmt::Display for BlobError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "configuration blob: {}", self.0)
    }
}

impl std::error::Error for BlobError {}

const fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<BLOB_BYTES_MAX>()
}

/// Encodes a value.
///
/// # Errors
/// A value that serde cannot represent, or that would be larger than [`BLOB_BYTES_MAX`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, BlobError> {
    let bytes = bincode::serde::encode_to_vec(value, codec()).map_err(|e| BlobError(e.to_string()))?;
    if bytes.len() > BLOB_BYTES_MAX { Err(BlobError("too large".into())) } else { Ok(bytes) }
}

/// Decodes a value, consuming exactly `bytes`.
///
/// # Errors
/// Bytes that are short, long, over the limit, or not a `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BlobError> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, codec()).map_err(|e| BlobError(e.to_string()))?;
    if used == bytes.len() { Ok(value) } else { Err(BlobError("bytes left over".into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_comes_back_and_one_with_a_byte_more_or_less_does_not() {
        let value = (7u32, vec!["a".to_owned(), "b".to_owned()], Some(9u64));
        let mut bytes = encode(&value).unwrap();
        assert_eq!(decode::<(u32, Vec<String>, Option<u64>)>(&bytes).unwrap(), value);
        for cut in 0..bytes.len() {
            assert!(decode::<(u32, Vec<String>, Option<u64>)>(&bytes[..cut]).is_err());
        }
        bytes.push(0);
        assert!(decode::<(u32, Vec<String>, Option<u64>)>(&bytes).is_err());
    }

    #[test]
    fn a_length_that_promises_gigabytes_is_refused_without_allocating_them() {
        assert!(decode::<Vec<u8>>(&[253, 255, 255, 255, 255, 255, 255, 255, 127]).is_err());
    }
}
