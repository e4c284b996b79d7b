//! Rule files, and requests as the rule engine sees them.

use super::texts;

/// Tokens of rule files.
pub const SECLANG: &[&[u8]] = &[
    b"SecRule ",
    b"SecAction ",
    b"SecMarker x\n",
    b"SecRuleEngine On\n",
    b"SecDefaultAction \"phase:1,log,pass\"\n",
    b"SecRuleRemoveById 1-5\n",
    b"Include *.conf\n",
    b"SecRuleUpdateTargetById 1 \"!ARGS:x\"\n",
    b"ARGS",
    b"ARGS_NAMES|!ARGS:a",
    b"REQUEST_HEADERS:/^x/",
    b"&TX:a",
    b"TX:0",
    b"XML:/*",
    b"\"@rx ",
    b"\"@pm ",
    b"\"!@eq 0\"",
    b"\"@detectSQLi\"",
    b"\"@within a b\"",
    b"\"@ipMatch 10.0.0.0/8\"",
    b"\"@validateByteRange 1-255\"",
    b"\"id:1,phase:2,",
    b"deny,",
    b"block,",
    b"chain\"\n",
    b"t:none,t:lowercase,",
    b"setvar:tx.a=+1,",
    b"msg:'%{TX.a}',",
    b"skipAfter:x,",
    b"ctl:ruleRemoveById=1,",
    b"capture,",
    b"multiMatch,",
    b"\\\n",
    b"\"\n",
    b"'",
    b"%{",
    b"}",
    b"id:",
];
/// Tokens of requests, whose parts NUL separates.
pub const ATTACK: &[&[u8]] = &[
    b"\0",
    b"?",
    b"&",
    b"=",
    b"%00",
    b"%27",
    b"' or 1=1",
    b"<script>",
    b"../",
    b"/etc/passwd",
    b"union select",
    b"{\"a\":",
    b"<a>",
    b"multipart/form-data; boundary=b",
    b"application/json",
    b"text/xml",
    b"application/x-www-form-urlencoded",
    b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
    b"a=b; c=d",
    b"${jndi:",
    b"\r\n",
];

/// Rule files.
pub fn files() -> Vec<Vec<u8>> {
    let mut all = vec![include_bytes!("../target/seclang.conf").to_vec()];
    all.extend(texts(&[
        "SecRuleEngine On\nSecRule ARGS \"@rx ^a+$\" \"id:1,phase:2,deny,t:none,t:lowercase,msg:'x %{MATCHED_VAR}'\"\n",
        "SecRule REQUEST_HEADERS:User-Agent \"@pm a b\" \"id:2,phase:1,chain,block\"\n  SecRule &TX:a \"@eq 0\" \"setvar:'tx.a=+1'\"\n",
        "SecMarker BEGIN\nSecAction \"id:3,phase:1,pass,nolog,skipAfter:BEGIN\"\n# x \\\n y\n",
    ]));
    all
}

/// Target, name, value, body.
pub fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "/a?b=c%27\0application/x-www-form-urlencoded\0d=e; f=g\0a=1'+or+1=1--&b=<script>",
        "/\0application/json\0x\0{\"a\":[1,\"union select\"]}",
        "/../etc/passwd\0text/xml\0x\0<a b=\"c\">d</a>",
        "/\0multipart/form-data; boundary=b\0x\0--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b.php\"\r\n\r\nc\r\n--b--\r\n",
    ])
}
