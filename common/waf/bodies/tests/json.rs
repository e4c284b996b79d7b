//! JSON bodies: names, values, the grammar and the limits.

use fosse_bodies::Item;
use fosse_bodies::json::{DEPTH_COUNT_MAX, JsonError, JsonOptions, JsonReport, NAME_BYTES_MAX, Naming, parse};

fn run(input: &[u8], options: &JsonOptions) -> (Vec<(String, String)>, JsonReport) {
    let mut found = Vec::new();
    let report = parse(input, options, &mut |item| {
        let Item::Argument { name, value } = item else { panic!("{item:?}") };
        found.push((String::from_utf8(name.into()).unwrap(), String::from_utf8(value.into()).unwrap()));
    });
    assert_eq!(report.arguments, found.len());
    (found, report)
}

fn flat(input: &str, naming: Naming) -> String {
    let (found, report) = run(input.as_bytes(), &JsonOptions { naming, ..JsonOptions::default() });
    assert_eq!(report.error, None, "{input}");
    found.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn error(input: impl AsRef<[u8]>) -> Option<JsonError> {
    run(input.as_ref(), &JsonOptions::default()).1.error
}

#[test]
fn names_of_version_2() {
    for (input, wanted) in [
        (r#"{"a":1}"#, "a=1"),
        (r#"{"a":{"b":1,"c":2},"d":3}"#, "a.b=1 a.c=2 d=3"),
        (r#"{"a":[1,2]}"#, "a.a=1 a.a=2"),
        (r#"{"a":[{"b":1},2,[3]]}"#, "a.a.b=1 a.a=2 a.a.a=3"),
        (r#"[1,"x"]"#, "array.array=1 array.array=x"),
        (r#"[{"a":1}]"#, "array.array.a=1"),
        (r#"7"#, "=7"),
        (r#"{"a.b":{"c":1},"d":2}"#, "a.b.c=1 d=2"),
        (r#"{"a":{},"b":[],"c":null,"d":true,"e":false}"#, "c= d=true e=false"),
    ] {
        assert_eq!(flat(input, Naming::Version2), wanted, "{input}");
    }
}

#[test]
fn names_of_version_3() {
    for (input, wanted) in [
        (r#"{"a":1}"#, "json.a=1"),
        (r#"{"a":{"b":1,"c":2},"d":3}"#, "json.a.b=1 json.a.c=2 json.d=3"),
        (r#"{"a":[1,2]}"#, "json.a.array_0=1 json.a.array_1=2"),
        (r#"{"a":[{"b":1},2,[3]]}"#, "json.a.array_0.b=1 json.a.array_1=2 json.a.array_2.array_0=3"),
        (r#"[1,"x"]"#, "json.array_0=1 json.array_1=x"),
        (r#"7"#, "json=7"),
    ] {
        assert_eq!(flat(input, Naming::Version3), wanted, "{input}");
    }
}

#[test]
fn json_rpc_gives_its_method_and_parameters() {
    let call = r#"{"jsonrpc":"2.0","method":"user.get","params":{"id":"1 OR 1=1"},"id":1}"#;
    assert_eq!(flat(call, Naming::Version2), "jsonrpc=2.0 method=user.get params.id=1 OR 1=1 id=1");
    let batch = r#"[{"method":"a","params":["x"]},{"method":"b"}]"#;
    assert_eq!(flat(batch, Naming::Version2), "array.array.method=a array.array.params.params=x array.array.method=b");
}

#[test]
fn strings_are_unescaped_to_utf8() {
    for (input, wanted) in [
        (r#"["a\"\\\/\b\f\n\r\tb"]"#, "a\"\\/\x08\x0c\n\r\tb"),
        (r#"["\u0041\u00e9\u20ac"]"#, "Aé€"),
        (r#"["\ud83d\ude00!"]"#, "😀!"),
        (r#"["\ud83d!\ude00\ud83d\u0041"]"#, "?!??A"),
        (r#"["é€😀"]"#, "é€😀"),
        (r#"["\u0000"]"#, "\0"),
        (r#"[""]"#, ""),
    ] {
        assert_eq!(run(input.as_bytes(), &JsonOptions::default()).0[0].1, wanted, "{input}");
    }
    assert_eq!(flat(r#"{"\u0061":1}"#, Naming::Version2), "a=1");
}

#[test]
fn numbers_keep_their_text() {
    assert_eq!(flat("[0,-0,12.50,1e9,-1.5E-07]", Naming::Version3).matches("array_").count(), 5);
    assert!(flat("[-1.5E-07]", Naming::Version2).ends_with("=-1.5E-07"));
}

#[test]
fn whitespace_and_a_byte_order_mark_are_skipped() {
    assert_eq!(flat("\u{feff} {\t\"a\"\r\n: [ 1 , 2 ] } \n", Naming::Version2), "a.a=1 a.a=2");
}

#[test]
fn refuses_what_the_grammar_does_not_have() {
    for input in [
        "{'a':1}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "[01]",
        "[+1]",
        "[.5]",
        "[1.]",
        "[1e]",
        "[nulL]",
        "[True]",
        "[\"\\x41\"]",
        "[\"\\u00g0\"]",
        "[\"\n\"]",
        "{]",
        "[}",
        "[1}",
        "{\"a\":1]",
        "// x\n1",
        "NaN",
        "[\"a\" : 1]",
        "{\"a\":1:2}",
        "{,\"a\":1}",
    ] {
        assert!(matches!(error(input), Some(JsonError::Unexpected(_))), "{input}: {:?}", error(input));
    }
}

#[test]
fn refuses_text_after_the_value() {
    assert_eq!(error("{} x"), Some(JsonError::TrailingGarbage(3)));
    assert_eq!(error("1 2"), Some(JsonError::TrailingGarbage(2)));
    assert_eq!(error("[][]"), Some(JsonError::TrailingGarbage(2)));
}

#[test]
fn refuses_a_body_cut_at_any_byte() {
    let whole = r#" {"a":[1.5e3,"x\u00e9y",true,null,{"b":{}}],"c":"é"}"#.as_bytes();
    assert_eq!(error(whole), None);
    for end in 0..whole.len() {
        assert!(error(&whole[..end]).is_some(), "{end}");
    }
    assert_eq!(error(""), Some(JsonError::Premature));
}

#[test]
fn refuses_strings_that_are_not_utf8() {
    assert_eq!(error(b"[\"\xff\"]"), Some(JsonError::NotUtf8(2)));
    assert_eq!(error(b"[\"\\n\xc0\xaf\"]"), Some(JsonError::NotUtf8(2)));
    assert_eq!(error(b"{\"\xed\xa0\x80\":1}"), Some(JsonError::NotUtf8(2)));
}

#[test]
fn leaves_before_an_error_are_given() {
    let (found, report) = run(b"{\"a\":\"<script>\",\"b\":oops}", &JsonOptions::default());
    assert_eq!(found, [("a".into(), "<script>".into())]);
    assert!(report.error.is_some());
}

#[test]
fn depth_limit() {
    let options = JsonOptions { depth_count_max: 3, ..JsonOptions::default() };
    assert_eq!(run(b"[[[1]]]", &options).1.error, None);
    assert_eq!(run(b"[[[[1]]]]", &options).1.error, Some(JsonError::TooDeep));
    // A top-level object is not a level, as in version 2.
    assert_eq!(run(br#"{"a":[[[1]]]}"#, &options).1.error, None);
    let deep = "[".repeat(1 << 20);
    assert_eq!(error(deep), Some(JsonError::TooDeep));
    let most = format!("{}1{}", "[".repeat(DEPTH_COUNT_MAX), "]".repeat(DEPTH_COUNT_MAX));
    assert_eq!(error(most), None);
}

#[test]
fn argument_limit() {
    let options = JsonOptions { arguments_count_max: 3, ..JsonOptions::default() };
    assert_eq!(run(b"[1,2,3]", &options).1.error, None);
    let (found, report) = run(b"[1,2,3,4]", &options);
    assert_eq!((found.len(), report.error), (3, Some(JsonError::TooManyArguments)));
}

#[test]
fn name_length_limit() {
    let key = "k".repeat(NAME_BYTES_MAX);
    assert_eq!(error(format!("{{\"{key}\":1}}")), None);
    assert_eq!(error(format!("{{\"{key}k\":1}}")), Some(JsonError::NamesTooLong));
}

#[test]
fn names_cannot_multiply_the_body() {
    let body = format!("{{\"{}\":[{}1]}}", "k".repeat(8000), "1,".repeat(900));
    let mut bytes = 0;
    let report = parse(body.as_bytes(), &JsonOptions::default(), &mut |item| {
        if let Item::Argument { name, .. } = item {
            bytes += name.len();
        }
    });
    assert_eq!(report.error, Some(JsonError::NamesTooLong));
    assert!(bytes <= body.len() * fosse_bodies::OUTPUT_FACTOR_MAX + fosse_bodies::OUTPUT_SLACK_BYTES);
}
