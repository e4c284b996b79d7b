//! Every mistake a person is likely to make gets its place, its reason and its cure.

mod access;
mod acme;
mod addresses;
mod backends;
mod edge;
mod listeners;
mod responses;
mod routes;
mod servers;
mod sites;
mod tables;
mod tls;
mod toml;

const GOOD: &str = r#"
[[listen]]
address = "127.0.0.1:8080"
[[site]]
hosts = ["example.org"]
backend = "app"
[[backend]]
name = "app"
servers = ["unix:/run/app.sock"]
"#;

/// Each case: what follows a sound configuration of three tables (its last line is number 9, in
/// [[backend]]), or with a first line "only" the whole file; and the lines of the report.
type Cases = &'static [(&'static str, &'static [&'static str])];

fn text_of(case: &str) -> String {
    match case.strip_prefix("only\n") {
        Some(whole) => whole.to_owned(),
        None => format!("{GOOD}{case}"),
    }
}

fn lines_of(case: &str) -> Vec<String> {
    match fosse_model::read("fosse.toml", text_of(case).as_bytes()) {
        Ok(_) => vec!["accepted".to_owned()],
        Err(report) => report.lines().collect(),
    }
}

/// Asserts that each report is as its case says; prints those that are not.
fn assert_reported(cases: Cases) {
    let mut wrong = 0;
    for (case, expected) in cases {
        let found = lines_of(case);
        if found != *expected {
            wrong += 1;
            println!("    (r#\"{case}\"#, &[");
            for line in found {
                println!("        {line:?},");
            }
            println!("    ]),");
        }
    }
    assert_eq!(wrong, 0, "reports that differ from the table");
}
