//! The settings of the configuration ModSecurity recommends, and in front of the Core Rule Set of a
//! distribution, loads.

use fosse_seclang::{Bundle, LimitAction, Ruleset};
use std::path::Path;

/// Every directive of modsecurity.conf-recommended (of versions 2.9 and 3.0), with the values it
/// has there.
const RECOMMENDED: &str = r#"
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:'200000',phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:'200001',phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecRequestBodyInMemoryLimit 131072
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 512
SecArgumentsLimit 1000
SecRule &ARGS "@ge 1000" "id:'200007',phase:2,t:none,log,deny,status:400,msg:'too many arguments',severity:2"
SecRule REQBODY_ERROR "!@eq 0" "id:'200002',phase:2,t:none,log,deny,status:400,msg:'unreadable',logdata:'%{reqbody_error_msg}',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:'200003',phase:2,t:none,log,deny,status:400,msg:'PE %{REQBODY_PROCESSOR_ERROR}, BQ %{MULTIPART_BOUNDARY_QUOTED}, \
BW %{MULTIPART_BOUNDARY_WHITESPACE}, DB %{MULTIPART_DATA_BEFORE}, DA %{MULTIPART_DATA_AFTER}, HF %{MULTIPART_HEADER_FOLDING}, \
LF %{MULTIPART_LF_LINE}, SM %{MULTIPART_MISSING_SEMICOLON}, IQ %{MULTIPART_INVALID_QUOTING}, IP %{MULTIPART_INVALID_PART}, \
IH %{MULTIPART_INVALID_HEADER_FOLDING}, FL %{MULTIPART_FILE_LIMIT_EXCEEDED}'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:'200004',phase:2,t:none,log,deny,msg:'boundary'"
SecPcreMatchLimit 1000
SecPcreMatchLimitRecursion 1000
SecRule TX:/^MSC_/ "!@streq 0" "id:'200005',phase:2,t:none,deny,msg:'%{MATCHED_VAR_NAME}'"
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimit 524288
SecResponseBodyLimitAction ProcessPartial
SecTmpDir /tmp/
SecDataDir /tmp/
SecUploadKeepFiles Off
SecDebugLogLevel 3
SecAuditEngine RelevantOnly
SecAuditLogRelevantStatus "^(?:5|4(?!04))"
SecAuditLogParts ABIJDEFHZ
SecAuditLogType Serial
SecAuditLog /var/log/modsec_audit.log
SecArgumentSeparator &
SecCookieFormat 0
SecUnicodeMapFile unicode.mapping 20127
SecStatusEngine On
"#;

fn compile(bundle: &Bundle) -> Ruleset {
    Ruleset::compile(bundle, "main.conf").unwrap_or_else(|errors| panic!("{}", errors[0]))
}

#[test]
fn the_recommended_configuration_loads_and_says_what_of_it_does_nothing() {
    let mut bundle = Bundle::new();
    bundle.insert("main.conf", RECOMMENDED);
    let rules = compile(&bundle);
    let settings = rules.settings();
    assert_eq!(
        (settings.request_body_limit, settings.arguments_limit, settings.json_depth_limit),
        (13_107_200, 1000, 512)
    );
    assert_eq!(settings.response_body_limit_action, LimitAction::ProcessPartial);
    let noted: Vec<&str> = rules.notes().iter().filter_map(|note| note.message.split(' ').next()).collect();
    let expected = [
        "SecRequestBodyInMemoryLimit",
        "SecPcreMatchLimit",
        "SecPcreMatchLimitRecursion",
        "SecTmpDir",
        "SecDataDir",
        "SecUploadKeepFiles",
        "SecDebugLogLevel",
        "SecAuditLogType",
        "SecAuditLog",
        "SecUnicodeMapFile",
        "SecStatusEngine",
    ];
    assert_eq!(noted, expected);
}

#[test]
fn debians_core_rule_set_loads_behind_it() {
    let path = std::env::var_os("FOSSE_CRS3").map_or("/usr/share/modsecurity-crs".into(), std::path::PathBuf::from);
    let setup = Path::new("/etc/modsecurity/crs/crs-setup.conf");
    if !path.join("rules").is_dir() || !setup.is_file() {
        println!("skipped: no rule set at {}", path.display());
        return;
    }
    let mut bundle = Bundle::new();
    for entry in std::fs::read_dir(path.join("rules")).unwrap() {
        let path = entry.unwrap().path();
        bundle.insert(&format!("rules/{}", path.file_name().unwrap().to_string_lossy()), std::fs::read(&path).unwrap());
    }
    bundle.insert("setup.conf", std::fs::read(setup).unwrap());
    bundle.insert("recommended.conf", RECOMMENDED);
    bundle.insert("main.conf", "Include recommended.conf\nInclude setup.conf\nInclude rules/*.conf\n");
    let rules = compile(&bundle);
    assert!(rules.len() > 200, "{}", rules.len());
    let asking: Vec<&str> =
        rules.notes().iter().map(|note| note.message.as_str()).filter(|note| note.starts_with('@')).collect();
    assert_eq!(asking.len(), 2, "{asking:?}");
}
