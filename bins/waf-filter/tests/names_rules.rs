//! Whoever reads the logs finds every rule that matched, in the event as in the audit line, however
//! much there is to say.

mod site;

use fosse_harness::{Backend, wait_for};
use site::{edge, request, rules, status};

/// Rules that all match, each with more to say than fits beside the others.
const COUNT: u32 = 60;

#[test]
fn every_rule_that_matched_is_named() {
    let backend = Backend::start();
    let text: String = (1..=COUNT)
        .map(|id| {
            let message = "much to say ".repeat(15);
            format!("SecRule ARGS:q \"@contains x\" \"id:{id},phase:2,pass,log,msg:'{message}',logdata:'%{{MATCHED_VAR}}'\"\n")
        })
        .collect();
    let rules = rules(&text);
    let edge = edge(&backend, &rules, "waf = \"detect\"");
    assert_eq!(status(&edge, &request(&format!("GET /?q={}", "x".repeat(300)), &[], b"")), 200);
    edge.wait_for_log("event=detected");
    let log = edge.log();
    let event = log.lines().find(|line| line.contains("event=detected")).unwrap();
    let audit = wait_for("the audit line", || {
        let text = std::fs::read_to_string(edge.dir().join("audit")).ok()?;
        text.strip_suffix('\n').map(str::to_owned)
    });
    for id in 1..=COUNT {
        assert!(event.contains(&format!("[id \"{id}\"]")), "{id}: {event}");
        assert!(audit.contains(&format!("{{\"id\":{id}")), "{id}: {audit}");
    }
    assert!(audit.len() < 4096 && audit.ends_with('}') && audit.contains(",\"messages_left_out\":"), "{audit}");
}
