//! Tags, attributes, URLs and comments that run script. The names are libinjection's published
//! lists (BSD licence, stated in `data/words.txt`).

use super::entity;

/// The danger of an attribute's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attribute {
    Harmless,
    /// Runs whatever it is.
    Script,
    /// Runs if it is a URL of a scheme that does.
    Url,
    /// May run by expressions and bindings.
    Style,
    /// Names another attribute, as SVG's animations do.
    NameOfOther,
}

const TAGS: [&[u8]; 20] = [
    b"APPLET",
    b"BASE",
    b"COMMENT",
    b"EMBED",
    b"FRAME",
    b"FRAMESET",
    b"HANDLER",
    b"IFRAME",
    b"IMPORT",
    b"ISINDEX",
    b"LINK",
    b"LISTENER",
    b"META",
    b"NOSCRIPT",
    b"OBJECT",
    b"SCRIPT",
    b"STYLE",
    b"VMLFRAME",
    b"XML",
    b"XSS",
];

/// Attributes by name; those that start with `on`, `xmlns` or `xlink` are found by their start.
const ATTRIBUTES: [(&[u8], Attribute); 20] = [
    (b"ACTION", Attribute::Url),
    (b"ATTRIBUTENAME", Attribute::NameOfOther),
    (b"BY", Attribute::Url),
    (b"BACKGROUND", Attribute::Url),
    (b"DATAFORMATAS", Attribute::Script),
    (b"DATASRC", Attribute::Script),
    (b"DYNSRC", Attribute::Url),
    (b"FILTER", Attribute::Style),
    (b"FORMACTION", Attribute::Url),
    (b"FOLDER", Attribute::Url),
    (b"FROM", Attribute::Url),
    (b"HANDLER", Attribute::Url),
    (b"HREF", Attribute::Url),
    (b"LOWSRC", Attribute::Url),
    (b"POSTER", Attribute::Url),
    (b"SRC", Attribute::Url),
    (b"STYLE", Attribute::Style),
    (b"TO", Attribute::Url),
    (b"VALUES", Attribute::Url),
    (b"XLINK:HREF", Attribute::Url),
];

/// Starts of URLs that run script; `JAVA` covers `JAVASCRIPT`.
const URLS: [&[u8]; 4] = [b"DATA", b"VIEW-SOURCE", b"JAVA", b"VBSCRIPT"];

/// An attribute of one byte is none, an event handler has at least five.
const ATTRIBUTE_BYTES_MIN: usize = 2;
const HANDLER_BYTES_MIN: usize = 5;
const TAG_BYTES_MIN: usize = 3;

pub(super) fn is_tag(name: &[u8]) -> bool {
    name.len() >= TAG_BYTES_MIN
        && (starts_with(name, b"SVG") || starts_with(name, b"XSL") || TAGS.iter().any(|tag| is_name(name, tag)))
}

pub(super) fn attribute(name: &[u8]) -> Attribute {
    if name.len() < ATTRIBUTE_BYTES_MIN {
        return Attribute::Harmless;
    }
    let handler = name.len() >= HANDLER_BYTES_MIN && starts_with(name, b"ON");
    if handler || starts_with(name, b"XMLNS") || starts_with(name, b"XLINK") {
        return Attribute::Script;
    }
    let known = ATTRIBUTES.iter().find(|(known, _)| is_name(name, known));
    known.map_or(Attribute::Harmless, |(_, attribute)| *attribute)
}

/// Returns whether a comment runs script: old browsers end a tag at a tick, read conditional
/// comments, and take `<?import` and entities for code.
pub(super) fn is_comment(text: &[u8]) -> bool {
    text.contains(&b'`')
        || (text.len() > 3 && (starts_with(text, b"[IF") || starts_with(text, b"XML")))
        || starts_with(text, b"IMPORT")
        || starts_with(text, b"ENTITY")
}

/// Returns whether a value is a URL that runs script. Browsers skip anything that is not printable
/// ASCII before the scheme.
pub(super) fn is_url(value: &[u8]) -> bool {
    let start = value.iter().position(|byte| matches!(byte, 33..=126)).unwrap_or(value.len());
    let url = &value[start..];
    URLS.iter().any(|scheme| entity::starts_with(url, scheme))
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

/// Compares a name without regard to ASCII case and to NULs, which old browsers ignore.
fn is_name(text: &[u8], name: &[u8]) -> bool {
    text.iter().filter(|&&byte| byte != 0).map(u8::to_ascii_uppercase).eq(name.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_through_nuls_and_case_in_names() {
        assert!(is_tag(b"scr\0ipT") && !is_tag(b"scrip") && !is_tag(b"scripts") && is_tag(b"svgx"));
        assert_eq!(attribute(b"h\0ref"), Attribute::Url);
        assert_eq!(attribute(b"onx"), Attribute::Harmless);
        assert_eq!(attribute(b"onxyz"), Attribute::Script);
    }

    #[test]
    fn sees_through_entities_and_white_space_in_urls() {
        for url in [&b"javascript:1"[..], b" \xa0java", b"&#x6a;&#97va", b"j\na&#10;va", b"DATA:", b"view-source:x"] {
            assert!(is_url(url), "{url:?}");
        }
        for url in [&b""[..], b"jav", b"/java", b"&#xjava", b"&", b"&#", b"&#x", b"&#106", b"http://java"] {
            assert!(!is_url(url), "{url:?}");
        }
    }
}
