//! Bytes in JSON: text where they are printable UTF-8, else `{"base64": "..."}`. Either form is
//! read.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// The two forms.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Encoded(Encoded),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    base64: String,
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match printable(&self.0) {
            Some(text) => serializer.serialize_str(text),
            None => Form::Encoded(Encoded { base64: STANDARD.encode(&self.0) }).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form::deserialize(deserializer);
        match form.map_err(|_| D::Error::custom("bytes are a text or {\"base64\": TEXT}"))? {
            Form::Text(text) => Ok(Self(text.into_bytes())),
            Form::Encoded(Encoded { base64 }) => STANDARD.decode(base64).map(Self).map_err(D::Error::custom),
        }
    }
}

/// The bytes as text if nothing in it would need an escape to be seen; line ends and tabs are taken
/// for text.
fn printable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.chars().all(|one| !one.is_control() || matches!(one, '\t' | '\r' | '\n')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(bytes: &[u8]) -> String {
        serde_json::to_string(&Bytes(bytes.to_vec())).unwrap()
    }

    #[test]
    fn printable_text_is_text_and_the_rest_base64() {
        assert_eq!(json("a \"ü\"\r\n".as_bytes()), r#""a \"ü\"\r\n""#);
        assert_eq!(json(b"\xff"), r#"{"base64":"/w=="}"#);
        assert_eq!(json(b"\0"), r#"{"base64":"AA=="}"#);
        assert_eq!(json("\u{9b}".as_bytes()), r#"{"base64":"wps="}"#);
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for bytes in all.iter().map(std::slice::from_ref).chain([all.as_slice(), b""]) {
            assert_eq!(serde_json::from_str::<Bytes>(&json(bytes)).unwrap().0, bytes);
        }
        assert_eq!(serde_json::from_str::<Bytes>(r#""\u0000ü""#).unwrap().0, "\0ü".as_bytes());
    }

    #[test]
    fn refuses_other_forms() {
        for wrong in ["1", "null", r#"{"base64":1}"#, r#"{"base64":"a"}"#, r#"{"base64":"","hex":""}"#, "[]", "{}"] {
            assert!(serde_json::from_str::<Bytes>(wrong).is_err(), "{wrong}");
        }
    }
}
