//! Bodies of requests, and what attackers put into them.

use super::{texts, with_first};

/// Tokens of urlencoded forms and cookies.
pub const FORM: &[&[u8]] =
    &[b"&", b"=", b"+", b"%", b"%41", b"%u0041", b"%00", b";", b"%c0%ae", b"[]", b"; ", b"$Version=1"];
/// Tokens of JSON.
pub const JSON: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"true",
    b"false",
    b"-0.1e+9",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\\"",
    b"[[[[[[[[",
    b"{\"a\":",
    b"\xef\xbb\xbf",
    b" ",
    b"1e999",
];
/// Tokens of multipart bodies.
pub const MULTIPART: &[&[u8]] = &[
    b"--b",
    b"--b--",
    b"\r\n--b\r\n",
    b"\n--b\n",
    b"Content-Disposition: form-data; name=\"",
    b"; filename=\"",
    b"; filename*=utf-8''a%20b",
    b"Content-Type: text/plain\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"boundary=",
    b"boundary=\"b\"",
    b"\r\n\r\n",
    b"\r\n",
    b"\n",
    b" ",
    b"\\\"",
    b"name=a",
];
/// Tokens of XML.
pub const XML: &[&[u8]] = &[
    b"<a>",
    b"</a>",
    b"<a",
    b"/>",
    b" b=\"",
    b"'",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE a [",
    b"<!ENTITY b \"c\">",
    b"&b;",
    b"&#65;",
    b"&#x41;",
    b"&lt;",
    b"<?xml version=\"1.0\" encoding=\"utf-16\"?>",
    b"<?",
    b"?>",
    b"xmlns:x=\"y\"",
    b"<x:y>",
    b"\xff\xfe",
    b"]>",
];
/// Tokens of SQL and of markup.
pub const ATTACK: &[&[u8]] = &[
    b"'",
    b"\"",
    b"`",
    b"--",
    b"/*",
    b"*/",
    b"/*!50000",
    b"#",
    b";",
    b" or ",
    b" and ",
    b"1=1",
    b" union select ",
    b"@@",
    b"0x41",
    b"sleep(5)",
    b"||",
    b"<script>",
    b"onerror=",
    b"javascript:",
    b"<svg/onload=",
    b"<!--",
    b"data:",
    b"&#x6a;",
    b"style=",
    b"`",
    b"\\",
    b"q'[",
    b"$$",
    b"{d",
    b"e'",
    b"\xa0",
];

/// Forms.
pub fn forms() -> Vec<Vec<u8>> {
    texts(&["a=b&c=d", "a[]=1&a[]=2&=&b", "%61=%zz&x=%u00e4+y&%00=%", "a=b; c=\"d e\"; f", "&&==&&"])
}

/// JSON.
pub fn jsons() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"a":[1,-2.5e3,{"b":null}],"c":"\u00e4\n\ud83d\ude00","d":{}}"#,
        r#"[[[[]]],true,false,"x"]"#,
        r#""text""#,
        " 12 ",
        r#"{"a":1,"a":2}"#,
    ])
}

/// Multipart bodies behind their Content-Type.
pub fn multiparts() -> Vec<Vec<u8>> {
    texts(&[
        "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n",
        "multipart/form-data; boundary=\"b\"\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\
         Content-Type: text/plain\r\n\r\nline\r\n--b\r\nContent-Disposition: form-data; name=c\r\n\r\n\r\n--b--\r\nepilogue",
        "multipart/mixed; boundary=b; charset=utf-8\npreamble\r\n--b\n\nx\n--b--",
    ])
}

/// XML.
pub fn xmls() -> Vec<Vec<u8>> {
    texts(&[
        "<?xml version=\"1.0\"?><a b=\"c\" d='&lt;'>text<e/>&#65;<![CDATA[x]]><!-- y --></a>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<methodCall><methodName>x</methodName><params><param><value><string>y</string></value></param></params></methodCall>",
        "<a><b><c></b></a>",
    ])
}

/// Compressed bodies: deflate blocks of all three types, in zlib and gzip; the first byte chooses
/// coding and pieces.
pub fn compressed() -> Vec<Vec<u8>> {
    let bodies: [&[u8]; 5] = [
        b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15",
        b"\x78\x01\x01\x05\x00\xfa\xffhello\x06\x2c\x02\x15",
        b"\xcb\x48\xcd\xc9\xc9\x07\x00",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00",
        b"\x1f\x8b\x08\x1c\x00\x00\x00\x00\x00\x03\x02\x00abname\0comment\0\x4b\x4c\xa4\x05\x00\x00\x00\x00\x00\x64\x00\x00\x00",
    ];
    with_first(&[0, 1, 2, 3, 255], &bodies.map(<[u8]>::to_vec))
}

/// Injections.
pub fn attacks() -> Vec<Vec<u8>> {
    texts(&[
        "1' or '1'='1",
        "-1 union all select 1,2,@@version-- -",
        "'; drop table users; #",
        "1/*!50000and*/ sleep(5)",
        "admin'/**/or/**/1=1;%00",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\"><svg/onload=`x`>",
        "<a href=\"java&#x09;script:x\">",
        "plain words, it's nothing",
    ])
}
