//! Text that is not TOML, or says in TOML what was not meant.

#[test]
fn every_mistake_about_the_text_names_place_reason_and_cure() {
    super::assert_reported(CASES);
}

#[rustfmt::skip]
const CASES: super::Cases = &[
    (r#"only
lanes = "#, &[
        "fosse.toml:1:9: string values must be quoted, expected literal string",
    ]),
    (r#"only
lanes = 1
lanes = 2
[[listen]
address = "127.0.0.1:8080""#, &[
        "fosse.toml:2:1: duplicate key",
        "fosse.toml:3:10: unclosed array table, expected `]`",
    ]),
    (r#"only
title = "a string that never ends"#, &[
        "fosse.toml:1:34: invalid basic string, expected `\"`",
    ]),
    (r#"only
# a byte order mark is no excuse
lanes = 01"#, &[
        "fosse.toml:2:9: unexpected leading zero, expected nothing",
    ]),
    (r#"only
[[listen]]
address = 'C:\x'
[[listen]]
address = """
127.0.0.1:80""""#, &[
        "fosse.toml:1:1: there is no [[site]]; add one",
        "fosse.toml:2:11: address \"C:\\\\x\" is not an address; the port is a number from 1 to 65535",
    ]),
];
