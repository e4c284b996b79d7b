//! The language row by row: every directive, variable, operator and action of ModSecurity's
//! reference manual does what the manual says, or is refused with what to do instead; nothing is
//! passed over in silence.

use fosse_seclang::{Arena, Bundle, Environment, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};

fn bundle(rules: &str) -> Bundle {
    let mut bundle = Bundle::new();
    bundle.insert("rules.conf", rules);
    bundle.insert("words.data", "# words\nevil\nwicked word\n");
    bundle.insert("networks.data", "192.0.2.0/24\n2001:db8::/32\n");
    bundle
}

fn compile(rules: &str) -> Ruleset {
    Ruleset::compile(&bundle(rules), "rules.conf").unwrap_or_else(|errors| panic!("{}\n{rules}", errors[0]))
}

/// The first error, without its excerpt.
fn refusal(rules: &str) -> String {
    match Ruleset::compile(&bundle(rules), "rules.conf") {
        Ok(_) => panic!("this compiles: {rules}"),
        Err(errors) => format!("{}: {}", errors[0].location, errors[0].message),
    }
}

/// A request with a bit of everything.
struct Request<'r> {
    line: (&'r str, &'r str, &'r str),
    headers: &'r [(&'r str, &'r str)],
    body: &'r [u8],
}

const FORM: Request<'static> = Request {
    line: ("POST", "/dir/page%20one.php?a=1&b=%41+x&a=2", "HTTP/1.1"),
    headers: &[
        ("Host", "www.example.com:8080"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", "sid=42; theme=dark"),
        ("Authorization", "Basic YWxpY2U6c2VjcmV0"),
        ("X-Two", "one"),
        ("x-two", "two"),
    ],
    body: b"c=3&A=evil",
};

const MULTIPART: Request<'static> = Request {
    line: ("POST", "/upload", "HTTP/1.1"),
    headers: &[("Host", "x"), ("Content-Type", "multipart/form-data; boundary=B")],
    body: b"--B\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nv\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"e.txt\"\r\n\
            Content-Type: text/plain\r\n\r\nfile data\r\n--B--\r\n",
};

const XML: Request<'static> = Request {
    line: ("POST", "/soap", "HTTP/1.1"),
    headers: &[("Host", "x"), ("Content-Type", "text/xml")],
    body: b"<s:Envelope xmlns:s='urn:soap'><s:Body><id n='1'>7</id><id n='2'>evil</id></s:Body></s:Envelope>",
};

fn transact<'r>(rules: &'r Ruleset, request: &Request<'_>) -> (Outcome, Transaction<'r>) {
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, NoStore);
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    // 2023-11-14 22:13:20 UTC, a Tuesday.
    let mut transaction = Transaction::new(rules, Arena::default(), Now { seconds: 1_700_000_000, elapsed_micros: 77 });
    transaction.explain();
    transaction.connection("192.0.2.7".parse().unwrap(), 4711, "192.0.2.1".parse().unwrap(), 443);
    transaction.unique_id(b"unique-1");
    let (method, uri, version) = request.line;
    let raw = format!("{method} {uri} {version}");
    transaction.request_line(raw.as_bytes(), method.as_bytes(), uri.as_bytes(), version.as_bytes());
    for (name, value) in request.headers {
        transaction.header(name.as_bytes(), value.as_bytes());
    }
    let mut outcome = transaction.phase1(&mut env);
    if outcome == Outcome::Continue {
        transaction.request_body(request.body);
        outcome = transaction.phase2(&mut env);
    }
    if outcome == Outcome::Continue {
        transaction.response(200, b"HTTP/1.1");
        transaction.response_header(b"Content-Type", b"text/html; charset=utf-8");
        transaction.response_header(b"Content-Length", b"5");
        outcome = transaction.phase3(&mut env);
    }
    if outcome == Outcome::Continue {
        transaction.response_body(b"hello");
        outcome = transaction.phase4(&mut env);
    }
    transaction.phase5(&mut env);
    (outcome, transaction)
}

/// Returns the values a rule over `targets` sees: `NAME=value` for each, in order.
fn values(setup: &str, targets: &str, phase: u8, request: &Request<'_>) -> Vec<String> {
    let rules = compile(&format!(
        "SecResponseBodyAccess On\n{setup}\nSecRule REQUEST_HEADERS:Content-Type xml \"id:9001,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n\
         SecRule {targets} \"@unconditionalMatch\" \"id:1,phase:{phase},pass,xmlns:q=urn:soap,msg:'%{{MATCHED_VAR_NAME}}=%{{MATCHED_VAR}}'\""
    ));
    let (_, transaction) = transact(&rules, request);
    let matches = transaction.matches().filter(|found| found.id() == 1);
    matches.map(|found| String::from_utf8_lossy(found.message()).into_owned()).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_variable_has_the_values_the_manual_gives_it() {
    for (targets, phase, expected) in [
        ("ARGS", 2, "ARGS:a=1 ARGS:b=A x ARGS:a=2 ARGS:c=3 ARGS:A=evil"),
        ("ARGS:a", 2, "ARGS:a=1 ARGS:a=2"),
        ("ARGS:/^[bc]$/", 2, "ARGS:b=A x ARGS:c=3"),
        ("&ARGS", 2, "&ARGS=5"),
        ("&ARGS:a", 2, "&ARGS:a=2"),
        ("&ARGS:z", 2, "&ARGS:z=0"),
        ("ARGS|!ARGS:a|!ARGS:/^[A-Z]/", 2, "ARGS:b=A x ARGS:c=3"),
        ("ARGS_COMBINED_SIZE", 2, "ARGS_COMBINED_SIZE=15"),
        ("ARGS_GET", 1, "ARGS_GET:a=1 ARGS_GET:b=A x ARGS_GET:a=2"),
        ("ARGS_GET_NAMES", 1, "ARGS_GET_NAMES:a=a ARGS_GET_NAMES:b=b ARGS_GET_NAMES:a=a"),
        ("ARGS_NAMES", 2, "ARGS_NAMES:a=a ARGS_NAMES:b=b ARGS_NAMES:a=a ARGS_NAMES:c=c ARGS_NAMES:A=A"),
        ("ARGS_POST", 2, "ARGS_POST:c=3 ARGS_POST:A=evil"),
        ("ARGS_POST_NAMES", 2, "ARGS_POST_NAMES:c=c ARGS_POST_NAMES:A=A"),
        ("AUTH_TYPE", 1, "AUTH_TYPE=Basic"),
        ("DURATION", 1, "DURATION=77"),
        ("FULL_REQUEST_LENGTH", 2, "FULL_REQUEST_LENGTH=223"),
        ("HIGHEST_SEVERITY", 2, "HIGHEST_SEVERITY=255"),
        ("INBOUND_DATA_ERROR|OUTBOUND_DATA_ERROR", 4, "INBOUND_DATA_ERROR=0 OUTBOUND_DATA_ERROR=0"),
        ("MSC_PCRE_ERROR|MSC_PCRE_LIMITS_EXCEEDED", 2, "MSC_PCRE_ERROR=0 MSC_PCRE_LIMITS_EXCEEDED=0"),
        ("MODSEC_BUILD", 1, "MODSEC_BUILD=020909000"),
        ("QUERY_STRING", 1, "QUERY_STRING=a=1&b=%41+x&a=2"),
        ("REMOTE_ADDR|REMOTE_HOST|REMOTE_PORT", 1, "REMOTE_ADDR=192.0.2.7 REMOTE_HOST=192.0.2.7 REMOTE_PORT=4711"),
        ("REMOTE_USER|USERAGENT_IP", 1, "REMOTE_USER=alice USERAGENT_IP=192.0.2.7"),
        ("REQBODY_ERROR|REQBODY_PROCESSOR", 2, "REQBODY_ERROR=0 REQBODY_PROCESSOR=URLENCODED"),
        ("REQBODY_ERROR_MSG|REQBODY_PROCESSOR_ERROR_MSG", 2, "REQBODY_ERROR_MSG= REQBODY_PROCESSOR_ERROR_MSG="),
        ("REQUEST_BASENAME", 1, "REQUEST_BASENAME=page one.php"),
        ("REQUEST_BODY", 2, "REQUEST_BODY=c=3&A=evil"),
        ("REQUEST_BODY_LENGTH", 2, "REQUEST_BODY_LENGTH=10"),
        ("REQUEST_COOKIES", 1, "REQUEST_COOKIES:sid=42 REQUEST_COOKIES:theme=dark"),
        ("REQUEST_COOKIES_NAMES", 1, "REQUEST_COOKIES_NAMES:sid=sid REQUEST_COOKIES_NAMES:theme=theme"),
        ("REQUEST_FILENAME", 1, "REQUEST_FILENAME=/dir/page one.php"),
        ("REQUEST_HEADERS:X-TWO", 1, "REQUEST_HEADERS:X-Two=one REQUEST_HEADERS:x-two=two"),
        ("REQUEST_HEADERS_NAMES:/^x-/", 1, "REQUEST_HEADERS_NAMES:X-Two=X-Two REQUEST_HEADERS_NAMES:x-two=x-two"),
        ("REQUEST_LINE", 1, "REQUEST_LINE=POST /dir/page%20one.php?a=1&b=%41+x&a=2 HTTP/1.1"),
        ("REQUEST_METHOD|REQUEST_PROTOCOL", 1, "REQUEST_METHOD=POST REQUEST_PROTOCOL=HTTP/1.1"),
        ("REQUEST_URI", 1, "REQUEST_URI=/dir/page%20one.php?a=1&b=%41+x&a=2"),
        ("REQUEST_URI_RAW", 1, "REQUEST_URI_RAW=/dir/page%20one.php?a=1&b=%41+x&a=2"),
        ("RESPONSE_BODY|STREAM_OUTPUT_BODY", 4, "RESPONSE_BODY=hello STREAM_OUTPUT_BODY=hello"),
        (
            "RESPONSE_CONTENT_LENGTH|RESPONSE_CONTENT_TYPE",
            3,
            "RESPONSE_CONTENT_LENGTH=5 RESPONSE_CONTENT_TYPE=text/html",
        ),
        ("RESPONSE_HEADERS:content-length", 3, "RESPONSE_HEADERS:Content-Length=5"),
        ("&RESPONSE_HEADERS_NAMES", 3, "&RESPONSE_HEADERS_NAMES=2"),
        (
            "RESPONSE_PROTOCOL|RESPONSE_STATUS|STATUS_LINE",
            3,
            "RESPONSE_PROTOCOL=HTTP/1.1 RESPONSE_STATUS=200 STATUS_LINE=HTTP/1.1 200",
        ),
        ("RULE:id|RULE:msg", 2, "RULE:id=1 RULE:msg=%{MATCHED_VAR_NAME}=%{MATCHED_VAR}"),
        ("SERVER_ADDR|SERVER_NAME|SERVER_PORT", 1, "SERVER_ADDR=192.0.2.1 SERVER_NAME=www.example.com SERVER_PORT=443"),
        ("STREAM_INPUT_BODY", 2, "STREAM_INPUT_BODY=c=3&A=evil"),
        ("TIME|TIME_DAY|TIME_EPOCH", 1, "TIME=22:13:20 TIME_DAY=14 TIME_EPOCH=1700000000"),
        ("TIME_HOUR|TIME_MIN|TIME_SEC", 1, "TIME_HOUR=22 TIME_MIN=13 TIME_SEC=20"),
        ("TIME_MON|TIME_WDAY|TIME_YEAR", 1, "TIME_MON=10 TIME_WDAY=2 TIME_YEAR=2023"),
        ("UNIQUE_ID|URLENCODED_ERROR|WEBAPPID", 1, "UNIQUE_ID=unique-1 URLENCODED_ERROR=0 WEBAPPID=default"),
    ] {
        assert_eq!(values("", targets, phase, &FORM).join(" "), expected, "{targets}");
    }
}

#[test]
fn variables_of_files_and_parts_have_the_values_the_manual_gives_them() {
    for (targets, expected) in [
        ("ARGS_POST", "ARGS_POST:t=v"),
        ("FILES", "FILES:f=e.txt"),
        ("FILES_NAMES", "FILES_NAMES:f=f"),
        ("FILES_SIZES", "FILES_SIZES:f=9"),
        ("FILES_TMP_CONTENT", "FILES_TMP_CONTENT:f=file data"),
        ("FILES_COMBINED_SIZE", "FILES_COMBINED_SIZE=9"),
        ("MULTIPART_FILENAME|MULTIPART_NAME", "MULTIPART_FILENAME:f=e.txt MULTIPART_NAME:f=f"),
        (
            "MULTIPART_PART_HEADERS:f",
            "MULTIPART_PART_HEADERS:f=Content-Disposition: form-data; name=\"f\"; filename=\"e.txt\" MULTIPART_PART_HEADERS:f=Content-Type: text/plain",
        ),
        (
            "MULTIPART_STRICT_ERROR|MULTIPART_UNMATCHED_BOUNDARY",
            "MULTIPART_STRICT_ERROR=0 MULTIPART_UNMATCHED_BOUNDARY=0",
        ),
        (
            "MULTIPART_BOUNDARY_QUOTED|MULTIPART_BOUNDARY_WHITESPACE",
            "MULTIPART_BOUNDARY_QUOTED=0 MULTIPART_BOUNDARY_WHITESPACE=0",
        ),
        (
            "MULTIPART_DATA_BEFORE|MULTIPART_DATA_AFTER|MULTIPART_LF_LINE",
            "MULTIPART_DATA_BEFORE=0 MULTIPART_DATA_AFTER=0 MULTIPART_LF_LINE=0",
        ),
        (
            "MULTIPART_HEADER_FOLDING|MULTIPART_INVALID_HEADER_FOLDING",
            "MULTIPART_HEADER_FOLDING=0 MULTIPART_INVALID_HEADER_FOLDING=0",
        ),
        ("MULTIPART_INVALID_PART|MULTIPART_INVALID_QUOTING", "MULTIPART_INVALID_PART=0 MULTIPART_INVALID_QUOTING=0"),
        (
            "MULTIPART_CRLF_LF_LINES|MULTIPART_MISSING_SEMICOLON",
            "MULTIPART_CRLF_LF_LINES=0 MULTIPART_MISSING_SEMICOLON=0",
        ),
        ("MULTIPART_FILE_LIMIT_EXCEEDED", "MULTIPART_FILE_LIMIT_EXCEEDED=0"),
        ("REQUEST_BODY", ""),
    ] {
        assert_eq!(values("", targets, 2, &MULTIPART).join(" "), expected, "{targets}");
    }
}

#[test]
fn xml_is_looked_at_by_path() {
    for (targets, expected) in [
        ("XML", "XML=[XML document tree]"),
        ("XML:/*", "XML=7evil"),
        ("XML://@n", "XML://@n=1 XML://@n=2"),
        ("XML://id", "XML://id=7 XML://id=evil"),
        (
            "XML:'/q:Envelope/q:Body/id/text()'",
            "XML:/q:Envelope/q:Body/id/text()=7 XML:/q:Envelope/q:Body/id/text()=evil",
        ),
        ("XML:/q:Envelope/q:Body", "XML:/q:Envelope/q:Body=7evil"),
        ("&XML://id", "&XML://id=2"),
        ("XML://id|!XML://id", ""),
        ("ARGS", ""),
    ] {
        assert_eq!(values("", targets, 2, &XML).join(" "), expected, "{targets}");
    }
    let args = |setting: &str| values(setting, "ARGS|XML://id", 2, &XML).join(" ");
    let leaves = "ARGS:xml.s:Envelope.s:Body.id=7 ARGS:xml.s:Envelope.s:Body.id=evil";
    assert_eq!(args("SecParseXmlIntoArgs Off"), "XML://id=7 XML://id=evil");
    assert_eq!(args("SecParseXmlIntoArgs On"), format!("{leaves} XML://id=7 XML://id=evil"));
    assert_eq!(args("SecParseXmlIntoArgs OnlyArgs"), leaves);
    assert_eq!(args("SecAction \"id:2,phase:1,pass,nolog,ctl:parseXmlIntoArgs=OnlyArgs\""), leaves);
}

#[test]
fn one_path_in_two_namespaces_is_two_places() {
    let rules = compile(
        "SecRule REQUEST_HEADERS:Content-Type xml \"id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n\
         SecRule XML:/s:Envelope \"@rx .\" \"id:1,phase:2,pass,xmlns:s=urn:other\"\n\
         SecRule XML:/s:Envelope \"@rx .\" \"id:2,phase:2,pass,xmlns:s=urn:soap\"",
    );
    let (_, transaction) = transact(&rules, &XML);
    assert_eq!(transaction.matches().map(|found| found.id()).collect::<Vec<_>>(), [9, 2]);
    assert!(
        refusal("SecRule XML:/s:a \"@rx .\" \"id:1,phase:2\"")
            .contains("the prefix s has no namespace; expected an action like xmlns:s=")
    );
}

#[test]
fn settings_change_how_values_are_read() {
    let cookies = |setting: &str| {
        let request = Request { headers: &[("Cookie", "a=1; b=\"2\",c=3")], ..FORM };
        values(setting, "REQUEST_COOKIES", 1, &request).join(" ")
    };
    assert_eq!(cookies(""), "REQUEST_COOKIES:a=1 REQUEST_COOKIES:b=\"2\",c=3");
    assert_eq!(cookies("SecCookieV0Separator ,"), "REQUEST_COOKIES:a=1; b=\"2\" REQUEST_COOKIES:c=3");
    let args = |setting: &str| {
        values(setting, "ARGS", 1, &Request { line: ("GET", "/?a=1;b=2&c=3", "HTTP/1.1"), ..FORM }).join(" ")
    };
    assert_eq!(args("SecArgumentSeparator ;"), "ARGS:a=1 ARGS:b=2&c=3");
    assert_eq!(values("SecWebAppId shop", "WEBAPPID", 1, &FORM), ["WEBAPPID=shop"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_operator_holds_where_the_manual_says() {
    // Operator, a value it holds for, one it does not.
    for (operator, holds, fails) in [
        ("@beginsWith ev", "evil", "devil"),
        ("@contains vi", "evil", "eve"),
        ("@containsWord evil", "an evil one", "devilish"),
        ("@detectSQLi", "1' or '1'='1", "plain words"),
        ("@detectXSS", "<script>", "plain words"),
        ("@endsWith il", "evil", "evils"),
        ("@eq 5", "5", "6"),
        ("@ge 5", "5", "4"),
        ("@gt 5", "6", "5"),
        ("@ipMatch 192.0.2.0/24,2001:db8::1", "192.0.2.9", "192.0.3.9"),
        ("@ipMatchF networks.data", "2001:db8::9", "2001:db9::9"),
        ("@ipMatchFromFile networks.data", "192.0.2.9", "192.0.3.9"),
        ("@le 5", "5", "6"),
        ("@lt 5", "4", "5"),
        ("!@noMatch", "x", ""),
        ("@pm evil wicked", "so WICKED", "good"),
        ("@pmf words.data", "a wicked word", "wicked"),
        ("@pmFromFile words.data", "EVIL", "good"),
        ("@rx ^e.il$", "e\nil", "evils"),
        ("evil$", "evil", "evil\n"),
        (r"@rx ^\x{41}\xe9$", "A\u{e9}", "B"),
        ("@streq evil", "evil", "Evil"),
        ("@strmatch vi", "evil", "eve"),
        ("@unconditionalMatch", "x", ""),
        ("@validateByteRange 32-126", "\u{7f}", "plain"),
        ("@validateUrlEncoding", "%zz", "%41"),
        ("@verifyCC ^\\d{13,16}$", "4111111111111111", "4111111111111112"),
        ("@verifyCPF \\d{11}", "52998224725", "52998224726"),
        ("@verifySSN \\d{9}", "078051120", "666051120"),
        ("@verifySVNR \\d{10}", "1237010180", "1238010180"),
        ("@within GET,POST", "POST", "PUT"),
        ("!@within GET,POST", "PUT", "POST"),
        ("!@rx ^e", "good", "evil"),
        ("@streq %{REQUEST_METHOD}", "GET", "POST"),
        ("@contains %{tx.word}", "evil", "good"),
    ] {
        let rules = compile(&format!(
            "SecAction \"id:8,phase:1,pass,nolog,setvar:tx.word=vi\"\nSecRule REQUEST_HEADERS:X \"{operator}\" \"id:1,phase:1,pass\""
        ));
        let matches = |value: &str| {
            // Latin-1, so that a row can have any byte.
            let value: Vec<u8> = value.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
            let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, NoStore);
            let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
            let mut transaction = Transaction::new(&rules, Arena::default(), Now::default());
            transaction.request_line(b"GET / HTTP/1.1", b"GET", b"/", b"HTTP/1.1");
            transaction.header(b"X", &value);
            transaction.phase1(&mut env);
            transaction.matches().any(|found| found.id() == 1)
        };
        assert!(matches(holds), "{operator} {holds:?}");
        assert!(!matches(fails) || fails.is_empty(), "{operator} {fails:?}");
    }
}

#[test]
fn operators_that_need_what_is_not_there_are_refused_with_a_cure() {
    for operator in [
        "fuzzyHash f 60",
        "gsbLookup x",
        "inspectFile /bin/x",
        "rsub s/a/b/",
        "validateDTD a.dtd",
        "validateHash x",
        "validateSchema a.xsd",
    ] {
        let said = refusal(&format!("SecRule ARGS \"@{operator}\" \"id:1,phase:2\""));
        let name = operator.split(' ').next().unwrap();
        assert!(
            said.starts_with("rules.conf:1:15: ") && said.contains(&format!("@{name} is not available: ")),
            "{said}"
        );
        assert!(said.contains(';'), "no cure: {said}");
    }
}

#[test]
fn look_ups_outside_are_refused_where_requests_come_to_them_and_noted_behind_a_guard() {
    for rule in [
        "SecRule REMOTE_ADDR \"@rbl bl.example.org\" \"id:1,phase:1,deny\"",
        "SecRule REMOTE_ADDR \"@geoLookup\" \"id:1,phase:1,deny,chain\"\nSecRule GEO:COUNTRY_CODE \"!@streq DE\"",
        "SecRule GEO:COUNTRY_CODE \"@streq DE\" \"id:1,phase:1,deny\"",
    ] {
        assert!(refusal(rule).contains("every request comes to this rule"), "{rule}");
    }
    let guarded = compile(
        "SecRule TX:countries \"!^$\" \"id:1,phase:1,deny,chain\"\nSecRule REMOTE_ADDR \"@geoLookup\" \"chain\"\nSecRule GEO:COUNTRY_CODE \"@within DE\"\n\
         SecRule &TX:key \"@eq 0\" \"id:2,phase:1,pass,nolog,skipAfter:END\"\nSecRule REMOTE_ADDR \"@rbl bl.example.org\" \"id:3,phase:1,deny\"\nSecMarker END",
    );
    let notes: Vec<String> =
        guarded.notes().iter().map(|note| format!("{}: {}", note.location, note.message)).collect();
    assert_eq!(
        notes,
        [
            "rules.conf:2:22: @geoLookup never holds: no geographic data base is built in",
            "rules.conf:5:22: @rbl never holds: there are no look-ups in the DNS"
        ]
    );
}

#[test]
fn every_directive_of_the_manual_works_or_is_noted_or_is_refused_with_a_cure() {
    for line in [
        "SecArgumentsLimit 500",
        "SecArgumentSeparator &",
        "SecAuditEngine RelevantOnly",
        "SecAuditLogParts ABIJDEFHZ",
        "SecAuditLogRelevantStatus ^5",
        "SecCollectionTimeout 600",
        "SecComponentSignature a/1",
        "SecCookieFormat 0",
        "SecCookieV0Separator ;",
        "SecDefaultAction \"phase:2,pass\"",
        "SecMarker X",
        "SecParseXmlIntoArgs On",
        "SecRequestBodyAccess On",
        "SecRequestBodyJsonDepthLimit 512",
        "SecRequestBodyLimit 1000",
        "SecRequestBodyLimitAction Reject",
        "SecRequestBodyNoFilesLimit 1000",
        "SecResponseBodyAccess Off",
        "SecResponseBodyLimit 1000",
        "SecResponseBodyLimitAction ProcessPartial",
        "SecResponseBodyMimeType text/plain text/html",
        "SecResponseBodyMimeTypesClear",
        "SecRuleEngine DetectionOnly",
        "SecRuleRemoveById 1 2-9",
        "SecRuleRemoveByMsg x",
        "SecRuleRemoveByTag x",
        "SecRuleUpdateTargetById 1 !ARGS:x",
        "SecRuleUpdateTargetByMsg x !ARGS:x",
        "SecRuleUpdateTargetByTag x !ARGS:x",
        "SecUploadFileLimit 10",
        "SecWebAppId x",
        "IncludeOptional nothing/*.conf",
    ] {
        assert!(compile(line).notes().is_empty(), "{line}");
    }
    for line in [
        "SecAuditLog /x",
        "SecAuditLog2 /x",
        "SecAuditLogDirMode 0700",
        "SecAuditLogFileMode 0600",
        "SecAuditLogFormat JSON",
        "SecAuditLogStorageDir /x",
        "SecAuditLogType Serial",
        "SecCacheTransformations On",
        "SecChrootDir /x",
        "SecConnEngine Off",
        "SecConnReadStateLimit 0",
        "SecConnWriteStateLimit 0",
        "SecContentInjection Off",
        "SecDataDir /tmp/",
        "SecDebugLog /x",
        "SecDebugLogLevel 3",
        "SecDisableBackendCompression On",
        "SecHashEngine Off",
        "SecInterceptOnError Off",
        "SecPcreMatchLimit 1000",
        "SecPcreMatchLimitRecursion 1000",
        "SecReadStateLimit 0",
        "SecRequestBodyInMemoryLimit 131072",
        "SecRuleInheritance On",
        "SecRulePerfTime 1000",
        "SecSensorId x",
        "SecServerSignature x",
        "SecStatusEngine On",
        "SecStreamInBodyInspection On",
        "SecStreamOutBodyInspection On",
        "SecTmpDir /tmp/",
        "SecTmpSaveUploadedFiles On",
        "SecUnicodeCodePage 20127",
        "SecUnicodeMapFile unicode.mapping 20127",
        "SecUploadDir /x",
        "SecUploadFileMode 0600",
        "SecUploadKeepFiles Off",
        "SecWriteStateLimit 0",
        "SecXmlExternalEntity Off",
        "secpcrematchlimit 5",
    ] {
        let rules = compile(line);
        let notes: Vec<&str> = rules.notes().iter().map(|note| note.message.as_str()).collect();
        assert!(matches!(notes.as_slice(), [note] if note.contains(" changes nothing: ")), "{line}: {notes:?}");
    }
    for line in [
        "SecConnEngine On",
        "SecConnReadStateLimit 50",
        "SecConnWriteStateLimit 50",
        "SecContentInjection On",
        "SecGeoLookupDb x",
        "SecGsbLookupDb x",
        "SecGuardianLog |x",
        "SecHashEngine On",
        "SecHashKey x",
        "SecHashMethodPm x y",
        "SecHashMethodRx x y",
        "SecHashParam x",
        "SecHttpBlKey x",
        "SecInterceptOnError On",
        "SecPdfProtect On",
        "SecPdfProtectMethod x",
        "SecPdfProtectSecret x",
        "SecPdfProtectTimeout 1",
        "SecPdfProtectTokenName x",
        "SecReadStateLimit 9",
        "SecRemoteRules k u",
        "SecRemoteRulesFailAction Abort",
        "SecRequestEncoding utf-8",
        "SecRuleInheritance Off",
        "SecRuleScript x.lua",
        "SecUnicodeCodePage 1252",
        "SecUnicodeMapFile unicode.mapping 1252",
        "SecUploadKeepFiles RelevantOnly",
        "SecWriteStateLimit 9",
        "SecXmlExternalEntity On",
    ] {
        let said = refusal(line);
        assert!(said.starts_with("rules.conf:1:1: ") && said.contains(" is not available: "), "{said}");
        assert!(said.contains("; ") || said.contains(": see ") || said.contains("; expected"), "no cure: {said}");
    }
    assert!(refusal("SecFrobnicate On").contains("unknown directive `SecFrobnicate`; expected"));
    assert!(refusal("SecAuditLogParts AQZ").contains("expected letters from A to K"));
}

#[test]
fn variables_that_are_not_there_are_refused_with_a_cure() {
    for name in [
        "FILES_TMPNAMES",
        "PATH_INFO",
        "PERF_ALL",
        "PERF_PHASE1",
        "SCRIPT_FILENAME",
        "SCRIPT_UID",
        "SDBM_DELETE_ERROR",
        "WEBSERVER_ERROR_LOG",
    ] {
        let said = refusal(&format!("SecRule {name} \"@rx .\" \"id:1,phase:2\""));
        assert!(
            said.starts_with("rules.conf:1:9: ") && said.contains(&format!("variable {name} is not available: ")),
            "{said}"
        );
        let said = refusal(&format!("SecRule ARGS \"@streq %{{{name}}}\" \"id:1,phase:2\""));
        assert!(said.contains(&format!("variable {name} is not available: ")), "{said}");
    }
    assert!(refusal("SecRule ARGZ \"@rx .\" \"id:1,phase:2\"").contains("unknown variable `ARGZ`; expected"));
}

#[test]
fn actions_that_are_not_there_are_refused_with_a_cure() {
    for action in [
        "append:'x'",
        "exec:/bin/x",
        "pause:100",
        "prepend:'x'",
        "proxy:http://x",
        "ctl:hashEngine=On",
        "ctl:hashEnforcement=On",
    ] {
        let said = refusal(&format!("SecAction \"id:1,phase:1,pass,{action}\""));
        assert!(
            said.starts_with("rules.conf:1:30: ") && said.contains(" is not available: ") && said.contains(';'),
            "{said}"
        );
    }
    let (msg, later) = ("msg:'x'", "SecRule ARGS x \"id:1,phase:2,chain\"\nSecRule ARGS y ");
    for action in
        [msg, "logdata:'x'", "severity:2", "rev:1", "ver:1", "id:2", "phase:2", "deny", "skip:1", "skipAfter:X"]
    {
        let said = refusal(&format!("{later}\"{action}\""));
        assert!(said.contains("expected it in the chain's first rule"), "{said}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn the_words_of_actions_are_understood() {
    for action in [
        "accuracy:9",
        "maturity:1",
        "allow",
        "allow:phase",
        "allow:request",
        "auditlog",
        "noauditlog",
        "log",
        "nolog",
        "block",
        "capture",
        "deny",
        "drop",
        "redirect:/x",
        "status:403",
        "t:none",
        "t:sha1",
        "tag:'a/b'",
        "rev:'2'",
        "ver:'x/1'",
        "severity:5",
        "severity:WARNING",
        "msg:'it\\'s %{REMOTE_ADDR}'",
        "logdata:'%{MATCHED_VAR}'",
        "multiMatch",
        "phase:request",
        "phase:response",
        "phase:logging",
        "initcol:ip=%{REMOTE_ADDR}",
        "setsid:%{REQUEST_COOKIES.sid}",
        "setuid:x",
        "setrsc:x",
        "setvar:ip.n=+1,expirevar:ip.n=60",
        "setvar:!tx.x",
        "setvar:tx.x",
        "setvar:'tx.a.b=%{TX.0}'",
        "deprecatevar:session.n=60/300",
        "setenv:a=1",
        "setenv:a",
        "setenv:!a",
        "sanitiseArg:password",
        "sanitiseMatched",
        "sanitiseMatchedBytes:1/4",
        "sanitiseRequestHeader:Authorization",
        "sanitiseResponseHeader:Set-Cookie",
        "ctl:auditEngine=Off",
        "ctl:auditLogParts=+E",
        "ctl:forceRequestBodyVariable=On",
        "ctl:requestBodyAccess=Off",
        "ctl:requestBodyLimit=5",
        "ctl:requestBodyProcessor=JSON",
        "ctl:responseBodyAccess=On",
        "ctl:responseBodyLimit=5",
        "ctl:ruleEngine=DetectionOnly",
        "ctl:ruleRemoveById=1-5",
        "ctl:ruleRemoveByTag=x",
        "ctl:ruleRemoveByMsg=x",
        "ctl:ruleRemoveTargetById=5;ARGS:x",
        "ctl:'ruleRemoveTargetById=5;ARGS:x,ARGS:/y/'",
        "ctl:ruleRemoveTargetByTag=x;ARGS",
        "ctl:ruleRemoveTargetByMsg=x;REQUEST_HEADERS:X",
        "ctl:parseXmlIntoArgs=On",
        "ctl:hashEngine=Off",
        "xmlns:a=urn:a",
    ] {
        compile(&format!("SecRule ARGS x \"id:1,{action}\""));
    }
    assert!(compile("SecAction \"id:1,phase:1,pass,ctl:debugLogLevel=9\"").notes()[0].message.contains("explain"));
}

#[test]
fn env_is_set_read_and_unset() {
    let rules = compile(
        "SecAction \"id:1,phase:1,pass,nolog,setenv:a=%{REQUEST_METHOD},setenv:b,setenv:c=3,setenv:!c\"\n\
         SecRule ENV \"@unconditionalMatch\" \"id:2,phase:1,pass,msg:'%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'\"",
    );
    let (_, transaction) = transact(&rules, &FORM);
    let said: Vec<_> =
        transaction.matches().filter(|found| found.id() == 2).map(|found| found.message().to_vec()).collect();
    assert_eq!(said, [b"ENV:a=POST".to_vec(), b"ENV:b=1".to_vec()]);
}

#[test]
fn parts_of_the_audit_log_change_for_one_transaction() {
    for (ctl, expected) in [("+E", "ABFHZE"), ("-B", "AFHZ"), ("ABZ", "ABZ"), ("+B", "ABFHZ")] {
        let rules =
            compile(&format!("SecAuditLogParts ABFHZ\nSecAction \"id:1,phase:1,pass,nolog,ctl:auditLogParts={ctl}\""));
        assert_eq!(transact(&rules, &FORM).1.audit_parts(), expected);
    }
}

#[test]
fn targets_are_taken_out_at_once_several_at_a_time() {
    let rules = compile(
        "SecAction \"id:1,phase:2,pass,nolog,ctl:'ruleRemoveTargetById=2;ARGS:a,ARGS:/^[A-Z]$/'\"\n\
         SecRule ARGS \"@unconditionalMatch\" \"id:2,phase:2,pass,msg:'%{MATCHED_VAR_NAME}'\"",
    );
    let (_, transaction) = transact(&rules, &FORM);
    let said: Vec<_> =
        transaction.matches().filter(|found| found.id() == 2).map(|found| found.message().to_vec()).collect();
    assert_eq!(said, [b"ARGS:b".to_vec(), b"ARGS:c".to_vec()]);
}

#[test]
fn a_rule_can_look_at_itself_while_it_acts() {
    let rules = compile(
        "SecRule ARGS:a \"@streq 1\" \"id:1,phase:2,pass,msg:'first',severity:3\"\n\
         SecRule ARGS:c \"@streq 3\" \"id:2,phase:2,pass,nolog,msg:'second %{tx.x}',severity:4,chain,setvar:'tx.why=%{rule.id} %{rule.msg}'\"\n\
         SecRule RULE:severity \"@eq 4\" \"setvar:tx.sev=%{rule.severity}\"",
    );
    let (_, transaction) = transact(&rules, &FORM);
    assert_eq!(transaction.tx("why").as_deref(), Some(b"2 second %{tx.x}".as_slice()));
    assert_eq!(transaction.tx("sev").as_deref(), Some(b"4".as_slice()));
}

#[test]
fn remote_procedure_calls_give_their_method_and_parameters_as_arguments() {
    let json = "SecRule REQUEST_HEADERS:Content-Type json \"id:9002,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"";
    let call = |kind: &str, body: &str| {
        let request =
            Request { line: ("POST", "/rpc", "HTTP/1.1"), headers: &[("Content-Type", kind)], body: body.as_bytes() };
        values(json, "ARGS", 2, &request).join(" ")
    };
    assert_eq!(
        call(
            "application/json",
            r#"{"jsonrpc":"2.0","method":"user.add","params":{"name":"evil","tags":["a"]},"id":1}"#
        ),
        "ARGS:jsonrpc=2.0 ARGS:method=user.add ARGS:params.name=evil ARGS:params.tags.tags=a ARGS:id=1"
    );
    assert_eq!(
        call("application/json", r#"[{"method":"sum","params":[1,"evil"]},{"method":"log"}]"#),
        "ARGS:array.array.method=sum ARGS:array.array.params.params=1 ARGS:array.array.params.params=evil ARGS:array.array.method=log"
    );
    assert_eq!(
        call(
            "text/xml",
            "<methodCall><methodName>user.add</methodName><params><param><value><string>evil</string></value></param><param><value><struct>\
             <member><name>age</name><value><i4>7</i4></value></member></struct></value></param></params></methodCall>"
        ),
        "ARGS:methodName=user.add ARGS:params=evil ARGS:params.age=7"
    );
}

#[test]
fn more_steps_of_transformations_than_fit_are_refused() {
    let names: Vec<&str> =
        "lowercase uppercase urlDecode urlDecodeUni htmlEntityDecode jsDecode cssDecode removeNulls \
                            replaceNulls removeWhitespace compressWhitespace trim trimLeft trimRight length md5 sha1 \
                            base64Encode base64Decode hexEncode hexDecode cmdLine normalizePath normalizePathWin \
                            removeComments replaceComments sqlHexDecode escapeSeqDecode urlEncode utf8toUnicode"
            .split_whitespace()
            .collect();
    // The first two tell 900 chains apart, so that the steps after them are each chain's own.
    let beginnings = names.iter().flat_map(|first| names.iter().map(move |second| format!("t:{first},t:{second}")));
    let rules: String = (1..)
        .zip(beginnings)
        .map(|(id, beginning)| {
            format!("SecRule ARGS \"@streq x\" \"id:{id},pass,{beginning}{}\"\n", ",t:trim".repeat(12))
        })
        .collect();
    assert!(refusal(&rules).contains("more than 10000 steps of transformations"));
}

#[test]
fn a_file_that_includes_itself_many_times_is_refused_at_once() {
    // Sixteen levels deep, the next would be 40 to the sixteenth.
    assert!(refusal(&"Include *.conf\n".repeat(40)).contains("is it a loop?"));
}
