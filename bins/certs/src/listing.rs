//! What is told of the certificates of a set, for `fosse certs`: a line for each, `not-after kind
//! acme place file names issuer`, each a word in which every byte that is no printable ASCII, and
//! every space and backslash, is written as `\\xNN`.

use std::fmt::Write as _;

use fosse_wire::signing::KeyKind;

/// The words about one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) not_after: u64,
    pub(crate) kind: KeyKind,
    /// Its number among those that are got by ACME.
    pub(crate) acme: Option<u16>,
    /// File and line of the configuration.
    pub(crate) place: &'a str,
    /// Its file; empty for one of the store.
    pub(crate) path: &'a str,
    pub(crate) names: &'a [String],
    pub(crate) issuer: &'a str,
}

impl Listed<'_> {
    /// Appends the line.
    pub(crate) fn write(&self, out: &mut String) {
        let kind = match self.kind {
            KeyKind::EcdsaP256 => "ECDSA-P-256",
            KeyKind::EcdsaP384 => "ECDSA-P-384",
            KeyKind::Ed25519 => "Ed25519",
            KeyKind::Rsa => "RSA",
        };
        let acme = self.acme.map_or("-".to_owned(), |number| number.to_string());
        let path = if self.path.is_empty() { "-" } else { self.path };
        let words = [self.place, path, &self.names.join(","), self.issuer].map(word);
        let _ = writeln!(out, "{} {kind} {acme} {}", self.not_after, words.join(" "));
    }
}

fn word(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'\\' {
            word.push(char::from(byte));
        } else {
            let _ = write!(word, "\\x{byte:02x}");
        }
    }
    if word.is_empty() { "-".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_seven_words_whatever_is_in_them() {
        let names = ["a.example".to_owned(), "*.a.example".to_owned()];
        let listed = Listed {
            not_after: 9,
            kind: KeyKind::Rsa,
            acme: Some(3),
            place: "my fosse.toml:2",
            path: "/a\\b\n",
            names: &names,
            issuer: "",
        };
        let mut out = String::new();
        listed.write(&mut out);
        Listed { acme: None, path: "", issuer: "CN=\u{e9}", ..listed }.write(&mut out);
        let expected = "9 RSA 3 my\\x20fosse.toml:2 /a\\x5cb\\x0a a.example,*.a.example -\n\
                        9 RSA - my\\x20fosse.toml:2 - a.example,*.a.example CN=\\xc3\\xa9\n";
        assert_eq!(out, expected);
    }
}
