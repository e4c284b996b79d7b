//! What rules do, one promise per test.

mod rules;

use fosse_seclang::{
    Arena, Bundle, Environment, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Store, Taken, Transaction,
};
use rules::compile;
use std::net::IpAddr;

struct Seen {
    outcome: Outcome,
    ids: Vec<u32>,
    lines: Vec<String>,
    score: Option<Vec<u8>>,
}

/// Runs a request through all phases; `rules` log what they match.
fn run(rules: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Seen {
    run_with(&compile(rules), uri, headers, body, &mut NoStore)
}

fn run_with(rules: &Ruleset, uri: &str, headers: &[(&str, &str)], body: &str, store: &mut dyn Store) -> Seen {
    let mut scratch = Scratch::default();
    let mut schedule = || Schedule::Go;
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store };
    let mut transaction = Transaction::new(rules, Arena::default(), Now { seconds: 1000, elapsed_micros: 5 });
    let client: IpAddr = "192.0.2.7".parse().unwrap();
    transaction.connection(client, 1234, "192.0.2.1".parse().unwrap(), 443);
    let method = if body.is_empty() { "GET" } else { "POST" };
    transaction.request_line(
        format!("{method} {uri} HTTP/1.1").as_bytes(),
        method.as_bytes(),
        uri.as_bytes(),
        b"HTTP/1.1",
    );
    for (name, value) in headers {
        transaction.header(name.as_bytes(), value.as_bytes());
    }
    let mut outcome = transaction.phase1(&mut env);
    if outcome == Outcome::Continue {
        transaction.request_body(body.as_bytes());
        outcome = transaction.phase2(&mut env);
    }
    if outcome == Outcome::Continue {
        transaction.response(200, b"HTTP/1.1");
        transaction.response_header(b"Content-Type", b"text/html");
        outcome = transaction.phase3(&mut env);
    }
    if outcome == Outcome::Continue {
        transaction.response_body(b"<p>secret 4111111111111111</p>");
        outcome = transaction.phase4(&mut env);
    }
    transaction.phase5(&mut env);
    Seen {
        outcome,
        ids: transaction.matches().map(|found| found.id()).collect(),
        lines: transaction.matches().map(|found| String::from_utf8(found.log_line()).unwrap()).collect(),
        score: transaction.tx("score"),
    }
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Runs phase 4 on a response of this type; returns whether the body is wanted, how it was taken,
/// and the outcome.
fn responded(rules: &str, kind: &str, body: &[u8]) -> (bool, Taken, Outcome) {
    let rules = compile(rules);
    let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, NoStore);
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let mut transaction = Transaction::new(&rules, Arena::default(), Now::default());
    transaction.request_line(b"GET / HTTP/1.1", b"GET", b"/", b"HTTP/1.1");
    assert_eq!(transaction.phase1(&mut env), Outcome::Continue);
    assert_eq!(transaction.phase2(&mut env), Outcome::Continue);
    transaction.response(200, b"HTTP/1.1");
    if !kind.is_empty() {
        transaction.response_header(b"Content-Type", kind.as_bytes());
    }
    assert_eq!(transaction.phase3(&mut env), Outcome::Continue);
    let wanted = transaction.wants_response_body();
    let taken = transaction.response_body(body);
    (wanted, taken, transaction.phase4(&mut env))
}

#[test]
fn bodies_of_responses_are_looked_at_by_type() {
    let rules = |types: &str| {
        format!(
            "SecResponseBodyAccess On\n{types}\nSecRule RESPONSE_BODY \"@contains x\" \"id:1,phase:4,deny,status:500\""
        )
    };
    let named = "SecResponseBodyMimeType text/XML\nSecResponseBodyMimeType application/json";
    for (types, kind, wanted) in [
        ("", "text/html; charset=utf-8", true),
        ("", "TEXT/PLAIN", true),
        ("", "image/png", false),
        ("", "", false),
        (named, "text/html", false),
        (named, "text/xml", true),
        (named, "application/json;a=b", true),
        ("SecResponseBodyMimeTypesClear", "text/html", false),
        ("SecResponseBodyMimeTypesClear\nSecResponseBodyMimeType null", "", true),
    ] {
        let outcome = if wanted { Outcome::Deny { status: 500, rule: 1 } } else { Outcome::Continue };
        assert_eq!(responded(&rules(types), kind, b"x"), (wanted, Taken::All, outcome), "{types} {kind}");
    }
}

#[test]
fn phase_3_decides_whether_the_body_is_looked_at() {
    let text = |access: &str, control: &str| {
        format!(
            "SecResponseBodyAccess {access}\nSecAction \"id:2,phase:3,pass,nolog,ctl:{control}\"\n\
             SecRule RESPONSE_BODY \"@contains x\" \"id:1,phase:4,deny\""
        )
    };
    assert!(responded(&text("Off", "responseBodyAccess=On"), "text/html", b"x").0);
    assert!(!responded(&text("On", "responseBodyAccess=Off"), "text/html", b"x").0);
    assert!(!responded(&text("On", "ruleEngine=Off"), "text/html", b"x").0);
}

#[test]
fn a_long_response_is_refused_or_looked_at_in_part() {
    let text = |action: &str| {
        format!(
            "SecResponseBodyAccess On\nSecResponseBodyLimit 4\nSecResponseBodyLimitAction {action}\n\
             SecRule RESPONSE_BODY \"@streq abcd\" \"id:1,phase:4,deny,status:500,chain\"\n\
             SecRule OUTBOUND_DATA_ERROR \"@eq 1\""
        )
    };
    assert_eq!(responded(&text("Reject"), "text/html", b"abcde").1, Taken::Refused);
    let seen = responded(&text("ProcessPartial"), "text/html", b"abcde");
    assert_eq!((seen.1, seen.2), (Taken::Part, Outcome::Deny { status: 500, rule: 1 }));
    assert_eq!(responded(&text("ProcessPartial"), "text/html", b"abcd").2, Outcome::Continue);
}

#[test]
fn type_and_length_of_a_response_are_there_whether_it_names_them_or_not() {
    let deny = |rule: &str| responded(&format!("SecRule {rule} \"id:1,phase:4,deny\""), "Text/HTML; charset=x", b"").2;
    for rule in [
        "RESPONSE_CONTENT_TYPE \"@streq text/html\"",
        "RESPONSE_CONTENT_LENGTH \"@streq 0\"",
        "&RESPONSE_BODY \"@eq 0\"",
    ] {
        assert!(matches!(deny(rule), Outcome::Deny { .. }), "{rule}");
    }
}

#[test]
fn denies_with_the_status_of_the_rule_and_runs_phase_5_all_the_same() {
    let rules = "SecRule ARGS:q \"@streq evil\" \"id:1,phase:2,deny,status:418\"\n\
                 SecRule ARGS \"@rx .\" \"id:2,phase:2,pass\"\nSecAction \"id:3,phase:5,pass\"";
    let seen = run(rules, "/?q=evil", &[], "");
    assert_eq!(seen.outcome, Outcome::Deny { status: 418, rule: 1 });
    assert_eq!(seen.ids, [1, 3]);
    assert_eq!(run(rules, "/?q=good", &[], "").ids, [2, 3]);
}

#[test]
fn detection_only_logs_and_denies_nothing() {
    let rules =
        "SecRuleEngine DetectionOnly\nSecRule ARGS \"evil\" \"id:1,phase:2,deny\"\nSecAction \"id:2,phase:2,pass\"";
    let seen = run(rules, "/?q=evil", &[], "");
    assert_eq!((seen.outcome, seen.ids), (Outcome::Continue, vec![1, 2]));
}

#[test]
fn drop_redirect_and_allow_do_what_they_say() {
    assert_eq!(run("SecAction \"id:1,phase:1,drop\"", "/", &[], "").outcome, Outcome::Drop { rule: 1 });
    let redirect = run("SecAction \"id:1,phase:1,redirect:'/sorry?%{REQUEST_METHOD}'\"", "/", &[], "").outcome;
    assert_eq!(redirect, Outcome::Redirect { status: 302, location: b"/sorry?GET".to_vec(), rule: 1 });
    let allow = |scope: &str| {
        let rules = format!(
            "SecAction \"id:1,phase:1,allow{scope}\"\nSecAction \"id:2,phase:1,pass\"\nSecAction \"id:3,phase:2,pass\"\n\
             SecAction \"id:4,phase:3,pass\"\nSecAction \"id:5,phase:5,pass\""
        );
        run(&rules, "/", &[], "").ids
    };
    assert_eq!(allow(""), [1, 5]);
    assert_eq!(allow(":request"), [1, 4, 5]);
    assert_eq!(allow(":phase"), [1, 3, 4, 5]);
}

#[test]
fn a_chain_speaks_only_when_all_of_it_matched() {
    let rules = "SecRule ARGS:a \"@streq 1\" \"id:1,phase:2,pass,msg:'%{MATCHED_VAR_NAME}',chain,setvar:tx.score=+1\"\n\
                 SecRule ARGS:b \"@streq 2\" \"chain\"\nSecRule ARGS:c \"@streq 3\" \"setvar:tx.score=+10\"";
    let seen = run(rules, "/?a=1&b=2", &[], "");
    assert_eq!((seen.ids, seen.score), (vec![], Some(b"1".to_vec())));
    let seen = run(rules, "/?a=1&b=2&c=3", &[], "");
    assert_eq!((seen.ids, seen.score), (vec![1], Some(b"11".to_vec())));
    assert!(seen.lines[0].contains("[msg \"ARGS:c\"]"), "{}", seen.lines[0]);
}

#[test]
fn every_matching_value_counts() {
    let rules = "SecRule ARGS|ARGS_NAMES \"@contains evil\" \"id:1,phase:2,pass,setvar:tx.score=+5\"";
    assert_eq!(run(rules, "/?a=evil&evil=2&b=evil", &[], "").score, Some(b"15".to_vec()));
}

#[test]
fn matched_vars_holds_all_that_the_rule_before_matched() {
    let rules = "SecRule ARGS \"@beginsWith x\" \"id:1,phase:2,pass,chain\"\nSecRule MATCHED_VARS \"@endsWith y\" \"setvar:tx.score=+1\"";
    assert_eq!(run(rules, "/?a=xy&b=x&c=xxy&d=y", &[], "").score, Some(b"2".to_vec()));
}

#[test]
fn skip_and_skip_after_go_over_whole_chains() {
    let rules = "SecAction \"id:1,phase:1,pass,skip:1\"\nSecRule REMOTE_ADDR \"@rx .\" \"id:2,phase:1,pass,chain\"\nSecRule REMOTE_ADDR \"@rx .\"\n\
                 SecAction \"id:3,phase:1,pass,skipAfter:END\"\nSecAction \"id:4,phase:1,pass\"\nSecMarker END\nSecAction \"id:5,phase:1,pass\"";
    assert_eq!(run(rules, "/", &[], "").ids, [1, 3, 5]);
}

#[test]
fn counters_add_subtract_and_never_go_below_zero() {
    for (assignments, expected) in [
        ("setvar:tx.score=5,setvar:tx.score=+2", Some("7")),
        ("setvar:tx.score=5,setvar:tx.score=-9", Some("0")),
        ("setvar:tx.score=x,setvar:tx.score=+3", Some("3")),
        ("setvar:tx.n=4,setvar:TX.SCORE=+%{tx.N}", Some("4")),
        ("setvar:tx.score", Some("1")),
        ("setvar:tx.score=1,setvar:!tx.score", None),
        ("setvar:'tx.score=%{remote_addr}/%{tx.nothing}'", Some("192.0.2.7/")),
        ("setvar:tx.n=core,setvar:'tx.s%{tx.n}=9'", Some("9")),
    ] {
        let seen = run(&format!("SecAction \"id:1,phase:1,pass,nolog,{assignments}\""), "/", &[], "");
        assert_eq!(seen.score, expected.map(|text| text.as_bytes().to_vec()), "{assignments}");
    }
}

#[test]
fn captures_fill_tx_and_forget_those_of_the_match_before() {
    let rules = "SecRule ARGS:a \"@rx ^(.)(.)(x)?\" \"id:1,phase:2,pass,capture,setvar:'tx.score=%{TX.2}%{TX.1}%{TX.3}'\"\n\
                 SecRule ARGS:b \"@pm one two\" \"id:2,phase:2,pass,capture,chain\"\nSecRule &TX:1 \"@eq 0\" \"setvar:'tx.score=%{tx.score}-%{TX.0}'\"";
    assert_eq!(run(rules, "/?a=pq&b=a+TWO", &[], "").score, Some(b"qp-TWO".to_vec()));
}

#[test]
fn exclusions_take_out_values_by_name_and_by_pattern() {
    let rules = "SecRule ARGS|!ARGS:pass|!ARGS:/^x_/ \"@rx evil\" \"id:1,phase:2,pass,setvar:tx.score=+1\"";
    assert_eq!(run(rules, "/?pass=evil&x_1=evil&Pass=evil&y=evil", &[], "").score, Some(b"2".to_vec()));
    let rules = "SecRule REQUEST_HEADERS|!REQUEST_HEADERS:cookie \"@rx evil\" \"id:1,phase:1,pass,setvar:tx.score=+1\"";
    assert_eq!(run(rules, "/", &[("COOKIE", "evil"), ("X", "evil"), ("x", "evil")], "").score, Some(b"2".to_vec()));
}

#[test]
fn ctl_takes_effect_at_once_and_for_this_request_only() {
    let rules = compile(
        "SecRule ARGS:off \"1\" \"id:1,phase:1,pass,nolog,ctl:ruleRemoveById=3-4,ctl:ruleRemoveTargetByTag=^sqli;ARGS:q\"\n\
         SecAction \"id:3,phase:1,pass\"\nSecRule ARGS \"evil\" \"id:4,phase:2,pass\"\n\
         SecRule ARGS \"evil\" \"id:5,phase:2,pass,tag:'sqli/x'\"\nSecRule ARGS:off \"1\" \"id:6,phase:2,pass,nolog,ctl:ruleEngine=Off\"\n\
         SecAction \"id:7,phase:2,pass\"",
    );
    assert_eq!(run_with(&rules, "/?q=evil", &[], "", &mut NoStore).ids, [3, 4, 5, 7]);
    assert_eq!(run_with(&rules, "/?q=evil&off=1", &[], "", &mut NoStore).ids, Vec::<u32>::new());
    assert_eq!(run_with(&rules, "/?r=evil&off=1", &[], "", &mut NoStore).ids, [5]);
}

#[test]
fn rules_are_changed_by_directives_after_them() {
    let base = "SecRule ARGS \"evil\" \"id:1,phase:2,pass,tag:'a/b',msg:'first'\"\nSecRule ARGS \"evil\" \"id:2,phase:2,pass,msg:'second'\"\n";
    let ids = |change: &str| run(&format!("{base}{change}"), "/?q=evil", &[], "").ids;
    assert_eq!(ids("SecRuleRemoveById 1"), [2]);
    assert_eq!(ids("SecRuleRemoveByTag ^a/"), [2]);
    assert_eq!(ids("SecRuleRemoveByMsg sec"), [1]);
    assert_eq!(ids("SecRuleUpdateTargetById 1-2 !ARGS:q"), Vec::<u32>::new());
    assert_eq!(ids("SecRuleUpdateTargetByTag a !ARGS:q"), [2]);
    assert_eq!(ids("SecRuleUpdateTargetById 1 ARGS_NAMES ARGS"), [2]);
    let seen = run(&format!("{base}SecRuleUpdateActionById 1 \"deny,status:409\""), "/?q=evil", &[], "");
    assert_eq!(seen.outcome, Outcome::Deny { status: 409, rule: 1 });
}

#[test]
fn transformations_run_in_order_and_none_empties_the_list() {
    for (list, value, expected) in [
        ("t:lowercase", "EVIL", true),
        ("t:lowercase,t:none", "EVIL", false),
        ("t:urlDecodeUni,t:htmlEntityDecode,t:lowercase", "%26%2369%3bVIL", true),
        ("t:lowercase,t:base64Decode", "ZXZpbA", false),
        ("t:base64Decode,t:lowercase", "RVZJTA", true),
        ("multiMatch,t:base64Decode,t:hexEncode", "ZXZpbA", true),
    ] {
        let rules = format!("SecRule ARGS \"@contains evil\" \"id:1,phase:2,pass,{list}\"");
        assert_eq!(!run(&rules, &format!("/?q={value}"), &[], "").ids.is_empty(), expected, "{list} {value}");
    }
}

#[test]
fn default_actions_reach_block_and_what_says_nothing() {
    let rules = "SecDefaultAction \"phase:2,log,deny,status:451,t:lowercase\"\nSecRule ARGS \"@streq evil\" \"id:1,phase:2,block\"";
    assert_eq!(run(rules, "/?q=EVIL", &[], "").outcome, Outcome::Deny { status: 451, rule: 1 });
}

#[test]
fn request_body_is_there_for_forms_and_where_it_is_forced() {
    let rules = "SecRule REQUEST_BODY \"@contains evil\" \"id:1,phase:2,pass\"\nSecRule ARGS_POST:a \"@streq evil\" \"id:2,phase:2,pass\"";
    assert_eq!(run(rules, "/", &[FORM], "a=evil").ids, [1, 2]);
    assert_eq!(run(rules, "/", &[("Content-Type", "text/plain")], "a=evil").ids, Vec::<u32>::new());
    let forced = format!("SecAction \"id:9,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"\n{rules}");
    assert_eq!(run(&forced, "/", &[("Content-Type", "text/plain")], "a=evil").ids, [1]);
}

#[test]
fn bodies_of_every_kind_become_arguments() {
    let json = "SecRule REQUEST_HEADERS:Content-Type json \"id:8,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n";
    let xml = "SecRule REQUEST_HEADERS:Content-Type xml \"id:9,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n";
    let rules = format!(
        "{json}{xml}SecRule ARGS \"@contains evil\" \"id:1,phase:2,pass\"\nSecRule XML:/* \"@contains evil\" \"id:2,phase:2,pass\"\n\
         SecRule XML://@* \"@contains evil\" \"id:3,phase:2,pass\"\nSecRule FILES \"@contains evil\" \"id:4,phase:2,pass\"\n\
         SecRule REQBODY_ERROR \"!@eq 0\" \"id:5,phase:2,pass\""
    );
    let ids = |kind: &str, body: &str| run(&rules, "/", &[("Content-Type", kind)], body).ids;
    assert_eq!(ids("application/json", "{\"a\":[{\"b\":\"evil\"}]}"), [1]);
    assert_eq!(ids("application/json", "{\"a\":"), [5]);
    assert_eq!(ids("text/xml", "<a b=\"evil\">evil</a>"), [2, 3]);
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"a\"; filename=\"evil.txt\"\r\n\r\nevil\r\n\
                     --X\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nevil\r\n--X--\r\n";
    assert_eq!(ids("multipart/form-data; boundary=X", multipart), [1, 4]);
    assert_eq!(ids("multipart/form-data; boundary=X", "--X\r\nhm"), [5]);
}

#[test]
fn a_body_over_its_limit_is_refused_or_cut_as_the_site_says() {
    let take = |action: &str| {
        let rules = compile(&format!(
            "SecRequestBodyLimit 4\nSecRequestBodyLimitAction {action}\nSecRule REQUEST_BODY \"@streq a=ev\" \"id:1,phase:2,pass\""
        ));
        let (mut scratch, mut schedule, mut store) = (Scratch::default(), || Schedule::Go, NoStore);
        let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
        let mut transaction = Transaction::new(&rules, Arena::default(), Now::default());
        transaction.request_line(b"POST / HTTP/1.1", b"POST", b"/", b"HTTP/1.1");
        transaction.header(FORM.0.as_bytes(), FORM.1.as_bytes());
        transaction.phase1(&mut env);
        let taken = transaction.request_body(b"a=evil");
        transaction.phase2(&mut env);
        (taken, transaction.matches().count())
    };
    assert_eq!(take("Reject"), (Taken::Refused, 1));
    assert_eq!(take("ProcessPartial"), (Taken::Part, 1));
}

#[test]
fn response_bodies_are_looked_at_where_the_type_is_listed() {
    let rules = "SecResponseBodyAccess On\nSecResponseBodyMimeType text/html\nSecRule RESPONSE_BODY \"@verifyCC \\d{16}\" \"id:1,phase:4,deny,status:500\"";
    assert_eq!(run(rules, "/", &[], "").outcome, Outcome::Deny { status: 500, rule: 1 });
    assert_eq!(run(&rules.replace("text/html", "text/css"), "/", &[], "").outcome, Outcome::Continue);
}

#[test]
fn a_phase_yields_and_goes_on_where_it_stood() {
    let rules =
        compile("SecRule ARGS \"@rx evil$\" \"id:1,phase:2,pass,setvar:tx.score=+1\"\nSecAction \"id:2,phase:2,pass\"");
    let uri: String = std::iter::once("/?".to_owned()).chain((0..900).map(|at| format!("a{at}=x{at}evil&"))).collect();
    let (mut scratch, mut store, mut yields) = (Scratch::default(), NoStore, 0);
    let mut transaction = Transaction::new(&rules, Arena::default(), Now::default());
    transaction.request_line(b"", b"GET", uri.as_bytes(), b"HTTP/1.1");
    let mut schedule = || Schedule::Yield;
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    for phase in [Transaction::phase1, Transaction::phase2] {
        while phase(&mut transaction, &mut env) == Outcome::Yield {
            yields += 1;
        }
    }
    assert!(yields > 3, "{yields}");
    assert_eq!(transaction.tx("score"), Some(b"900".to_vec()));
    let mut schedule = || Schedule::Exhausted;
    let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
    let mut transaction = Transaction::new(&rules, Arena::default(), Now::default());
    transaction.request_line(b"", b"GET", uri.as_bytes(), b"HTTP/1.1");
    assert_eq!(transaction.phase1(&mut env), Outcome::Continue);
    assert_eq!(transaction.phase2(&mut env), Outcome::BudgetExceeded);
}

#[test]
fn an_equal_value_under_another_name_hides_nothing() {
    for (rule, expected) in [
        ("ARGS:z \"@detectSQLi\"", 1),
        ("ARGS \"@detectSQLi\"", 31),
        ("ARGS:z \"@rx union\"", 1),
        ("ARGS \"@rx union\"", 31),
    ] {
        let rules = format!("SecRule {rule} \"id:1,phase:2,pass,t:urlDecodeUni,t:lowercase\"");
        let attack = "1'+union+select+2--+";
        let uri: String =
            std::iter::once("/?".to_owned()).chain((0..30).map(|at| format!("a{at}={attack}&"))).collect();
        assert_eq!(run(&rules, &format!("{uri}z={attack}"), &[], "").ids.len(), expected, "{rule}");
    }
}

#[test]
fn duplicate_headers_stay_separate_and_odd_names_are_seen() {
    let rules = "SecRule &REQUEST_HEADERS:X-A \"@eq 2\" \"id:1,phase:1,pass\"\nSecRule REQUEST_HEADERS_NAMES \"@rx [^\\w-]\" \"id:2,phase:1,pass\"";
    assert_eq!(run(rules, "/", &[("X-A", "1"), ("x-a", "2"), ("X{}", "")], "").ids, [1, 2]);
}

#[test]
fn errors_name_file_line_column_and_what_was_expected() {
    for (rules, at, part) in [
        ("SecRul ARGS x \"id:1\"", "rules.conf:1:1", "unknown directive `SecRul`"),
        ("\n  SecRule BARGS x \"id:1\"", "rules.conf:2:11", "unknown variable `BARGS`"),
        ("SecRule ARGS \"@rxx a\" \"id:1\"", "rules.conf:1:15", "unknown operator `@rxx`"),
        ("SecRule ARGS \"@rx (a\" \"id:1\"", "rules.conf:1:19", "pattern"),
        ("SecRule ARGS a \\\n  \"id:1,t:rot13\"", "rules.conf:2:11", "unknown transformation `rot13`"),
        ("SecRule ARGS a \"id:1,frob\"", "rules.conf:1:22", "unknown action `frob`"),
        ("SecRule ARGS a \"phase:1\"", "rules.conf:1:1", "no id"),
        ("SecAction \"id:1,setvar:ip.is_new=1\"", "rules.conf:1:27", "ip says `is_new` of itself"),
        ("SecAction id:1\nSecAction id:1", "rules.conf:2:14", "id 1 is taken by the rule at rules.conf:1:1"),
        ("SecRule ARGS a \"id:1,chain\"", "rules.conf:1:1", "the chain ends here"),
        ("SecAction \"id:1,skipAfter:NOWHERE\"", "rules.conf:1:1", "no SecMarker NOWHERE"),
        ("Include gone/*.conf", "rules.conf:1:9", "no file matches `gone/*.conf`"),
        ("SecRuleEngine Maybe", "rules.conf:1:15", "expected On, Off or DetectionOnly"),
        ("SecRuleScript x.lua", "rules.conf:1:1", "not available"),
    ] {
        let mut bundle = Bundle::new();
        bundle.insert("rules.conf", rules);
        let errors = Ruleset::compile(&bundle, "rules.conf").err().unwrap_or_else(|| panic!("{rules} compiled"));
        let shown = errors[0].to_string();
        assert!(shown.starts_with(&format!("{at}: ")) && shown.contains(part), "{rules}\n{shown}");
        assert!(shown.contains('^'), "{shown}");
    }
}

#[test]
fn a_text_of_digits_alone_is_given_up_and_that_is_flagged() {
    let rules = "SecRule ARGS \"@verifyCC \\d{16}\" \"id:1,phase:2,pass\"\nSecRule TX:/^MSC_/ \"!@streq 0\" \"id:2,phase:2,pass\"";
    // No sixteen digits of it pass the check: a 1 among zeros has the sum 1 or 2.
    let digits = format!("1{}", "0".repeat(15)).repeat(4000);
    assert_eq!(run(rules, "/", &[FORM], &format!("a={}", &digits[..1600])).ids, Vec::<u32>::new());
    assert_eq!(run(rules, "/", &[FORM], &format!("a={digits}")).ids, [2]);
}

#[test]
fn a_long_value_yields_on_its_way_and_matches_what_it_matches_in_one_go() {
    let chains = [
        "t:lowercase",
        "t:compressWhitespace",
        "t:removeWhitespace",
        "t:urlDecodeUni,t:lowercase",
        "t:hexEncode",
        "t:cmdLine",
    ];
    let rules: String = (1..)
        .zip(chains)
        .map(|(id, chain)| {
            format!("SecRule ARGS|REQUEST_BODY \"@rx (?:Evil|evil|6576696c)\" \"id:{id},phase:2,pass,{chain},setvar:tx.score=+1\"\n")
        })
        .collect();
    let rules = compile(&rules);
    let body = format!("a={}Evil&b={0}&c=Evil", "Some  words, 'quoted'. ".repeat(3000));
    let judge = |schedule: Schedule| {
        let (mut scratch, mut store, mut yields) = (Scratch::default(), NoStore, 0);
        let mut schedule = || schedule;
        let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
        let mut transaction = Transaction::new(&rules, Arena::default(), Now::default());
        transaction.request_line(b"", b"POST", b"/", b"HTTP/1.1");
        transaction.header(FORM.0.as_bytes(), FORM.1.as_bytes());
        while transaction.phase1(&mut env) == Outcome::Yield {}
        transaction.request_body(body.as_bytes());
        while transaction.phase2(&mut env) == Outcome::Yield {
            yields += 1;
        }
        let matched: Vec<_> = transaction.matches().map(|found| (found.id(), found.variable())).collect();
        (matched, transaction.tx("score"), yields)
    };
    let (matched, score, yields) = judge(Schedule::Yield);
    assert_eq!((matched.len(), &score), (15, &Some(b"15".to_vec())));
    // Of 280 KB of values in five or six forms each, pieces of 16 KiB are searched twice.
    assert!(yields >= 150, "{yields}");
    assert_eq!(judge(Schedule::Go), (matched, score, 0));
}

#[test]
fn a_search_that_ran_out_of_its_budget_leaves_nothing_to_a_later_phase() {
    let rules = compile(
        "SecRule ARGS \"@rx (?i)nothing of it\" \"id:1,phase:2,pass,t:lowercase\"\n\
         SecRule ARGS:b \"@detectSQLi\" \"id:2,phase:5,pass\"",
    );
    let body = format!("a={}&b=1' or '1'='1", "Some  words. ".repeat(9000));
    for questions in 0..40 {
        let (mut scratch, mut store, mut asked) = (Scratch::default(), NoStore, 0);
        let mut transaction = Transaction::new(&rules, Arena::default(), Now::default());
        transaction.request_line(b"", b"POST", b"/", b"HTTP/1.1");
        transaction.header(FORM.0.as_bytes(), FORM.1.as_bytes());
        let mut schedule = || {
            asked += 1;
            if asked > questions { Schedule::Exhausted } else { Schedule::Go }
        };
        let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
        assert_eq!(transaction.phase1(&mut env), Outcome::Continue);
        transaction.request_body(body.as_bytes());
        let exceeded = transaction.phase2(&mut env) == Outcome::BudgetExceeded;
        let mut schedule = || Schedule::Go;
        let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store: &mut store };
        assert_eq!(transaction.phase5(&mut env), Outcome::Continue);
        assert!(exceeded || questions > 9, "{questions}");
        assert!(transaction.matches().any(|found| found.id() == 2), "after {questions} questions");
    }
}
