//! XML bodies: text, attributes, what is refused, character sets and XML-RPC.

use fosse_bodies::Item;
use fosse_bodies::charset::Charset;
use fosse_bodies::xml::{
    ATTRIBUTES_COUNT_MAX, DEPTH_COUNT_MAX, NAMESPACES_COUNT_MAX, XmlError, XmlOptions, XmlPath, XmlReport, parse,
};

fn run_with(input: &[u8], options: &XmlOptions<'_>) -> (Vec<String>, XmlReport) {
    let mut found = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.into()).unwrap();
    let report = parse(input, options, &mut |item| {
        found.push(match item {
            Item::XmlText { element, text: value } => format!("{}:{}", text(element), text(value)),
            Item::XmlAttribute { element, name, value } => format!("{}@{}={}", text(element), text(name), text(value)),
            Item::XmlContent(content) => format!("[{}]", text(content)),
            Item::XmlDoctype(doctype) => format!("!{}", text(doctype)),
            Item::Argument { name, value } => format!("{}={}", text(name), text(value)),
            Item::XmlNode { path, value } => format!("{path}>{}", text(value)),
            other => panic!("{other:?}"),
        });
    });
    (found, report)
}

fn run(input: &str) -> (Vec<String>, XmlReport) {
    run_with(input.as_bytes(), &XmlOptions::default())
}

fn error(input: &str) -> Option<XmlError> {
    run(input).1.error
}

fn good(input: &str) -> Vec<String> {
    let (found, report) = run(input);
    assert_eq!(report.error, None, "{input}");
    found
}

#[test]
fn gives_text_attributes_and_the_whole_content() {
    assert_eq!(
        good("<?xml version=\"1.0\"?>\n<r a='1'>x<s b = \"2\" c='\"'>y</s> z<t/></r>\n"),
        ["r@a=1", "r:x", "s@b=2", "s@c=\"", "s:y", "r: z", "[xy z]"]
    );
    assert_eq!(good("<r/>"), ["[]"]);
    assert_eq!(good("<ns:r xmlns:ns=\"u\"></ns:r >"), ["ns:r@xmlns:ns=u", "[]"]);
}

#[test]
fn resolves_the_five_entities_and_character_references() {
    assert_eq!(
        good("<r a='&lt;&#65;'>&lt;&gt;&amp;&quot;&apos;&#60;&#x3C;&#x20ac;</r>"),
        ["r@a=<A", "r:<>&\"'<<€", "[<>&\"'<<€]"]
    );
}

#[test]
fn cdata_is_text_and_comments_and_instructions_are_not() {
    assert_eq!(good("<!-- c --><r><![CDATA[<&]]><!-- d --><?php x ?>]</r><!-- e --><?x?>"), ["r:<&", "r:]", "[<&]]"]);
}

#[test]
fn entities_are_never_expanded() {
    let bomb = "<!DOCTYPE r [<!ENTITY a \"]>xxxx\"><!ENTITY b '&a;&a;'><!-- ]> -->]><r>&b;&a;</r>";
    let (found, report) = run(bomb);
    assert_eq!(report.error, None);
    assert!(report.doctype);
    assert!(found[0].starts_with("!<!DOCTYPE r [") && found[0].ends_with("]>"));
    assert_eq!(found[1..], ["r:&b;&a;", "[&b;&a;]"]);
    assert_eq!(good("<!DOCTYPE html SYSTEM \"file:///etc/passwd\"><html/>").len(), 2);
    assert!(error("<r>&a;</r>").is_some());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn refuses_what_is_not_well_formed() {
    for input in [
        "x",
        "<r>",
        "</r>",
        "<r></s>",
        "<r><s></r></s>",
        "<r/><s/>",
        "<r/>x",
        "x<r/>",
        "<r a></r>",
        "<r a=1/>",
        "<r a='<'/>",
        "<r a='1'b='2'/>",
        "<r a='1' a='2'/>",
        "<r>&</r>",
        "<r>&lt</r>",
        "<r>&#xg;</r>",
        "<r>&#;</r>",
        "<r>&#0;</r>",
        "<r>&#xd800;</r>",
        "<1/>",
        "< r/>",
        "<r><!-- a -- b --></r>",
        "<r><![CDATA[</r>",
        "<r><?xml version='1.0'?></r>",
        " <?xml version='1.0'?><r/>",
        "<!DOCTYPE r",
        "<r><!DOCTYPE r></r>",
        "<!DOCTYPE a><!DOCTYPE b><a/>",
        "<![CDATA[x]]><r/>",
        "<r/ >",
        "<r",
        "<",
        "<r a=\"1",
        "&lt;<r/>",
        "<r>\x01</r>",
        "",
        " ",
    ] {
        assert!(error(input).is_some(), "{input}");
    }
}

#[test]
fn a_document_cut_at_any_byte_is_an_error() {
    let whole =
        "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a 'b'>]><r a='1&amp;'><s>&#65;<![CDATA[x]]></s><!-- c --></r>";
    assert_eq!(error(whole), None);
    for end in 0..whole.len() {
        assert!(error(&whole[..end]).is_some(), "{end}");
    }
}

#[test]
fn what_came_before_an_error_is_given() {
    assert_eq!(run("<r a='x'>attack<s>").0, ["r@a=x", "r:attack", "[attack]"]);
}

#[test]
fn depth_limit() {
    let nest = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert_eq!(error(&nest(DEPTH_COUNT_MAX)), None);
    assert_eq!(error(&nest(DEPTH_COUNT_MAX + 1)), Some(XmlError::TooDeep));
}

#[test]
fn attribute_limit() {
    let element = |count: usize| {
        let attributes: String = (0..count).map(|n| format!(" a{n}=''")).collect();
        format!("<r{attributes}/>")
    };
    assert_eq!(error(&element(ATTRIBUTES_COUNT_MAX)), None);
    assert_eq!(error(&element(ATTRIBUTES_COUNT_MAX + 1)), Some(XmlError::TooMany));
}

#[test]
fn names_cannot_multiply_the_body() {
    let attributes: String = (0..200).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(error(&format!("<{}{attributes}/>", "r".repeat(10_000))), Some(XmlError::NamesTooLong));
}

#[test]
fn converts_other_character_sets() {
    let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r>\xe9</r>";
    assert_eq!(run_with(latin, &XmlOptions::default()).0[0], "r:é");
    let header = XmlOptions { charset: Some(Charset::Latin1), ..XmlOptions::default() };
    assert_eq!(run_with(b"<r>\xe9</r>", &header).0[0], "r:é");
    let wide: Vec<u8> = "<r>é€</r>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(run_with(&wide, &XmlOptions::default()).0[0], "r:é€");
    let marked: Vec<u8> = "\u{feff}<r>é€</r>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(run_with(&marked, &XmlOptions::default()).0[0], "r:é€");
    assert_eq!(run("\u{feff}<r>€</r>").0[0], "r:€");
}

#[test]
fn refuses_unknown_and_broken_character_sets() {
    assert_eq!(error("<?xml version='1.0' encoding='utf-7'?><r/>"), Some(XmlError::UnsupportedCharset));
    assert_eq!(error("<?xml version='1.0' encoding='utf-16'?><r/>"), Some(XmlError::UnsupportedCharset));
    assert_eq!(run_with(b"<r>\xff</r>", &XmlOptions::default()).1.error, Some(XmlError::NotText));
    assert_eq!(run_with(b"\xff\xfe<\0r", &XmlOptions::default()).1.error, Some(XmlError::NotText));
}

#[test]
fn xml_rpc_gives_its_method_and_parameters() {
    let call = "<methodCall><methodName>wp.getUsers</methodName><params>\
        <param><value><int>1</int></value></param><param><value>' OR 1=1</value></param>\
        <param><value><struct><member><name>login</name><value><string>admin</string></value></member>\
        <member><name>list</name><value><array><data><value>a</value><value><i4>2</i4></value></data></array></value>\
        </member></struct></value></param><param><value><string/></value></param></params></methodCall>";
    let (found, report) = run(call);
    assert_eq!(report, XmlReport { rpc: true, ..XmlReport::default() });
    let arguments: Vec<&str> = found
        .iter()
        .filter(|item| item.contains('=') && !item.starts_with('[') && !item.contains(':'))
        .map(String::as_str)
        .collect();
    assert_eq!(
        arguments,
        [
            "methodName=wp.getUsers",
            "params=1",
            "params=' OR 1=1",
            "params.login=admin",
            "params.list=a",
            "params.list=2",
            "params=",
        ]
    );
}

#[test]
fn xml_rpc_argument_limit() {
    let call =
        "<methodCall><params><param><value>1</value></param><param><value>2</value></param></params></methodCall>";
    let options = XmlOptions { arguments_count_max: 1, ..XmlOptions::default() };
    assert_eq!(run_with(call.as_bytes(), &options).1.error, Some(XmlError::TooMany));
}

#[test]
fn other_documents_have_no_arguments() {
    assert!(!run("<call><methodName>x</methodName></call>").1.rpc);
}

/// Returns what one path finds, and the error if there is one.
fn nodes(path: &str, input: &str) -> (Vec<String>, Option<XmlError>) {
    let namespaces = [(b"s".to_vec(), b"urn:soap".to_vec())];
    let paths = [XmlPath::parse(path.as_bytes(), Some(&namespaces)).unwrap()];
    let (found, report) = run_with(input.as_bytes(), &XmlOptions { paths: &paths, ..XmlOptions::default() });
    let found = found.iter().filter_map(|found| found.strip_prefix("0>")).map(str::to_owned).collect();
    (found, report.error)
}

#[test]
fn paths_find_what_xpath_finds() {
    let plain = "<a x='1'>p<b x='2' y='3'>q<c>r</c></b><b>s</b><d><b>t<b>u</b></b></d></a>";
    let soap = "<e:E xmlns:e='urn:soap'><e:B><do xmlns='urn:app' e:k='1' k='2'><id>7</id></do></e:B><B>no</B></e:E>";
    for (path, input, expected) in [
        ("/a", plain, vec!["pqrstu"]),
        ("/*", plain, vec!["pqrstu"]),
        ("/b", plain, vec![]),
        ("/a/b", plain, vec!["qr", "s"]),
        ("/a/b/c", plain, vec!["r"]),
        ("//c", plain, vec!["r"]),
        ("//b", plain, vec!["qr", "s", "u", "tu"]),
        ("//b//b", plain, vec!["u"]),
        ("/a//b/b", plain, vec!["u"]),
        ("/a/*/b", plain, vec!["tu"]),
        ("//*[local-name()='d']", plain, vec!["tu"]),
        ("//@x", plain, vec!["1", "2"]),
        ("/a/@x", plain, vec!["1"]),
        ("/a/b/@*", plain, vec!["2", "3"]),
        ("/@x", plain, vec![]),
        ("//b/text()", plain, vec!["q", "s", "t", "u"]),
        ("/a/text()", plain, vec!["p"]),
        ("//text()", "<a>x<![CDATA[y]]><!-- -->z</a>", vec!["x", "y", "z"]),
        ("/s:E/s:B", soap, vec!["7"]),
        ("/s:E/B", soap, vec!["no"]),
        ("//id", soap, vec![]),
        ("//*[local-name()='id']", soap, vec!["7"]),
        ("//s:*", soap, vec!["7", "7no"]),
        ("//@s:k", soap, vec!["1"]),
        ("//@k", soap, vec!["2"]),
        ("/E", "<E xmlns='urn:soap'/>", vec![]),
        ("/s:E", "<E xmlns='urn:soap'>x</E>", vec!["x"]),
        ("/s:E/B", "<E xmlns='urn:soap'><B xmlns=''>y</B></E>", vec!["y"]),
    ] {
        assert_eq!(nodes(path, input), (expected.into_iter().map(str::to_owned).collect(), None), "{path}");
    }
}

#[test]
fn paths_find_what_was_read_before_an_error() {
    assert_eq!(nodes("/a/b", "<a><b>x</b><b>y"), (vec!["x".to_owned(), "y".to_owned()], Some(XmlError::Premature)));
}

#[test]
fn texts_inside_each_other_do_not_multiply_a_body() {
    let depth = DEPTH_COUNT_MAX - 1;
    let input = format!("{}{}{}", "<a>".repeat(depth), "x".repeat(100_000), "</a>".repeat(depth));
    assert_eq!(nodes("//a", &input).1, Some(XmlError::NamesTooLong));
    assert_eq!(nodes("/a", &input).1, None);
}

#[test]
fn only_so_many_namespaces_are_in_scope() {
    let declare =
        |from: usize, count: usize| (from..from + count).map(|at| format!(" xmlns:n{at}='u'")).collect::<String>();
    let open =
        |count: usize| format!("<a{}><b{}/><b{}/></a>", declare(0, 10), declare(100, count), declare(200, count));
    assert_eq!(nodes("/a", &open(NAMESPACES_COUNT_MAX - 10)).1, None);
    assert_eq!(nodes("/a", &open(NAMESPACES_COUNT_MAX - 9)).1, Some(XmlError::TooMany));
}

#[test]
fn leaves_become_arguments_where_that_is_wanted() {
    let options = XmlOptions { leaves_as_arguments: true, ..XmlOptions::default() };
    let (found, report) = run_with(b"<a><b c='d'><n>foo</n>x<n>bar</n></b><n/></a>", &options);
    let found: Vec<_> = found.iter().filter(|found| found.starts_with("xml.")).collect();
    assert_eq!(report.error, None);
    assert_eq!(found, ["xml.a.b.n=foo", "xml.a.b.n=bar", "xml.a.n="]);
    let long = format!("{}{}", format!("<{}>", "n".repeat(500)).repeat(40), "x");
    assert_eq!(run_with(long.as_bytes(), &options).1.error, Some(XmlError::NamesTooLong));
}
