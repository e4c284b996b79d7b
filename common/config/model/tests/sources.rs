//! Configurations of several files, with variables and templates.

use fosse_model::{Accounts, Edge, Environment, Source, Sources, compile_sources, includes, read, read_sources};

const GOOD: &str = "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[backend]]\nname = \"app\"\nservers = [\"unix:/s\"]\n";
const SITE: &str = "[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n";

fn sources<'s>(main: &'s str, included: &[(&'s str, &'s str)], environment: &'s Environment) -> Sources<'s> {
    let source = |(name, text): &(&'s str, &'s str)| Source { name, bytes: text.as_bytes() };
    Sources { main: source(&("fosse.toml", main)), included: included.iter().map(source).collect(), environment }
}

fn edge(main: &str, included: &[(&str, &str)]) -> Result<Edge, Vec<String>> {
    read_sources(&sources(main, included, Environment::none())).map_err(|report| report.lines().collect())
}

fn lines(main: &str, included: &[(&str, &str)]) -> Vec<String> {
    edge(main, included).map_or_else(|lines| lines, |_| vec!["accepted".to_owned()])
}

#[test]
fn tables_of_included_files_follow_those_of_the_main_one() {
    let more = |name: &str| {
        format!(
            "[[site]]\nhosts = [\"{name}.example\"]\nbackend = \"{name}\"\n[[backend]]\nname = \"{name}\"\n\
             servers = [\"unix:/{name}\"]\n"
        )
    };
    let edge = edge(&format!("{GOOD}{SITE}"), &[("b", &more("b")), ("empty", ""), ("c", &more("c"))]);
    let edge = edge.unwrap_or_else(|lines| panic!("{lines:?}"));
    let hosts: Vec<String> = edge.site.iter().map(|site| site.hosts[0].value.written()).collect();
    let backends: Vec<&str> = edge.backend.iter().map(|backend| backend.name.0.as_str()).collect();
    assert_eq!((hosts.join(" "), backends.join(" ")), ("a.example b.example c.example".into(), "app b c".into()));
}

#[test]
fn a_mistake_names_the_file_it_is_in() {
    let main = format!("{GOOD}{SITE}");
    for (included, expected) in [
        (
            "lanes = 2\n",
            "one:1:1: \"lanes\" in an included file; such a file has [[listen]], [[certificate]], [[site]], [[backend]] and [template.NAME] alone",
        ),
        (
            "include = [\"x\"]\n",
            "one:1:1: \"include\" in an included file; such a file has [[listen]], [[certificate]], [[site]], [[backend]] and [template.NAME] alone",
        ),
        (
            "[[site]]\nhosts = [\"b\"]\nbackend = \"no\"\n",
            "one:3:11: there is no backend \"no\"; add a [[backend]] of this name",
        ),
        ("[[site]]\nhosts = [\"a.example\"]\n", "one:2:10: host a.example belongs to an earlier site; remove one"),
        ("[site]\nhosts = [\"b\"]\n", "one:1:1: site takes a list, this is a table; write [[site]] instead of [site]"),
        (
            "template = 1\n",
            "one:1:12: template takes tables [template.NAME] with keys of a site, this is a number; write [template.NAME]",
        ),
        ("[[site]\n", "one:1:8: unclosed array table, expected `]`"),
    ] {
        let found = lines(&main, &[("none", ""), ("one", included)]);
        assert!(found.iter().any(|line| line == expected), "{included}: {found:#?}");
    }
    assert_eq!(lines("[", &[("one", "]")]).len(), 2, "mistakes of all files are told at once");
}

#[test]
fn files_that_are_no_text_or_too_long_together_are_refused() {
    let bytes = vec![b'#'; 3 << 20];
    let source = |name, bytes| Source { name, bytes };
    let long = Sources {
        main: source("fosse.toml", &bytes),
        included: vec![source("two", &bytes)],
        environment: Environment::none(),
    };
    let words = read_sources(&long).unwrap_err().to_string();
    assert!(words.starts_with("two:1:1: the files of the configuration are together longer than"), "{words}");
    let odd = Sources { included: vec![source("odd", b"a\xff")], ..Sources::one("fosse.toml", b"") };
    assert!(read_sources(&odd).unwrap_err().to_string().starts_with("odd:1:2: a byte that is not UTF-8"));
}

#[test]
fn variables_stand_for_texts_numbers_and_truth_and_never_for_structure() {
    let environment = Environment::of_block(
        b"N=3\0TRUE=true\0SIZE=2 MiB\0SECONDS=1.5\0HOST=x.example\0EVIL=\"\n[[site]]\ndefault = true\n\0LONG=",
    );
    let main = format!(
        "lanes = \"${{N}}\"\ndrain_seconds_max = \"${{SECONDS}}\"\n[limits]\nlane_held_bytes_max = \"${{SIZE}}\"\n\
         spool_bytes_max = \"${{SPOOL:-0}}\"\n{GOOD}via = \"${{TRUE}}\"\n[[site]]\nhosts = [\"${{HOST}}\"]\nbackend = \"app\"\n"
    );
    let edge = read_sources(&sources(&main, &[], &environment)).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!((edge.lanes.value, edge.drain_seconds_max.milliseconds), (Some(3), 1500));
    assert_eq!((edge.limits.lane_held_bytes_max.0, edge.limits.spool_bytes_max.0), (2 << 20, 0));
    assert!(edge.backend[0].via.value);
    let report = read_sources(&sources(&main.replace("HOST", "EVIL"), &[], &environment)).unwrap_err();
    assert!(report.to_string().contains("hosts"), "{report}");
    assert_eq!(report.total(), 1, "{report}");
}

#[test]
fn a_number_in_quotes_is_a_mistake_where_no_variable_gave_it() {
    let found = lines(&format!("lanes = \"3\"\n{GOOD}{SITE}"), &[]);
    assert_eq!(found, ["fosse.toml:1:9: lanes takes a whole number, this is a string; remove the quotes"]);
}

#[test]
fn values_that_make_the_configuration_too_long_are_refused() {
    let mut block = b"A=".to_vec();
    block.resize(1 << 20, b'x');
    let environment = Environment::of_block(&block);
    let main = format!("{GOOD}{SITE}rules = [{}]\n", "\"${A}\",".repeat(5));
    let report = read_sources(&sources(&main, &[], &environment)).unwrap_err();
    assert!(report.to_string().contains("the values of the environment make the configuration too long"), "{report}");
}

#[test]
fn a_template_gives_what_a_site_does_not_write() {
    let main = format!(
        "{GOOD}[template.t]\nbackend = \"app\"\nwaf = \"off\"\n[[template.t.route]]\nprefix = \"/x\"\nbackend = \"app\"\n\
         [[site]]\nhosts = [\"a\"]\ntemplate = \"t\"\n[[site]]\nhosts = [\"b\"]\ntemplate = \"t\"\nwaf = \"detect\"\nroute = []\n"
    );
    let edge = edge(&main, &[]).unwrap_or_else(|lines| panic!("{lines:?}"));
    let shape: Vec<(&str, usize)> = edge.site.iter().map(|site| (site.waf.word(), site.route.len())).collect();
    assert_eq!(shape, [("off", 1), ("detect", 0)]);
}

#[test]
fn a_mistake_in_a_template_names_it_and_a_site() {
    let head = format!("{GOOD}{SITE}");
    let line = head.lines().count();
    let used = "[template.t]\nwaf = \"of\"\nbackend = \"app\"\n[[site]]\nhosts = [\"b\"]\ntemplate = \"t\"\n";
    let place = format!("fosse.toml:{}:7: waf takes", line + 2);
    let found = lines(&format!("{head}{used}"), &[]);
    assert!(found.len() == 1 && found[0].starts_with(&place), "{found:#?}");
    let of = format!("(in template t, which the site at fosse.toml:{} takes)", line + 4);
    assert!(found[0].contains(&of), "{found:#?}");
    let unused = lines(&format!("{head}[template.t]\nwaf = \"of\"\nwafff = 1\n"), &[]);
    assert!(unused.len() == 2 && unused[0].starts_with(&place), "{unused:#?}");
    let nested = lines(&format!("{head}[template.t]\ntemplate = \"t\"\n"), &[]);
    assert!(nested[0].ends_with("a template takes no other one; write its keys here"), "{nested:#?}");
    let twice = lines(&format!("{head}[template.t]\n"), &[("b", "[template.t]\n")]);
    assert_eq!(twice, ["b:1:11: another template is called \"t\""]);
}

#[test]
fn ten_thousand_sites_cannot_take_a_long_template_each() {
    let site = "[[site]]\ntemplate = \"t\"\n";
    let long = format!("{GOOD}[template.t]\nrules = [{}]\n{}", "\"x\",".repeat(1000), site.repeat(2000));
    let report = read("fosse.toml", long.as_bytes()).unwrap_err();
    assert!(report.to_string().contains("the sites take more than 1000000 values of templates"), "{report}");
}

#[test]
fn names_of_included_files_are_known_before_the_files_are() {
    let environment = Environment::of_block(b"D=sites\0");
    let names = |text: &str| {
        let main = Source { name: "fosse.toml", bytes: text.as_bytes() };
        includes(main, &environment).map_err(|report| report.to_string())
    };
    assert_eq!(
        names("include = [\"${D}/*.toml\", \"x.toml\"]\nodd = 1"),
        Ok(vec!["sites/*.toml".into(), "x.toml".into()])
    );
    assert_eq!(names("lanes = 1"), Ok(Vec::new()));
    assert!(names("include = [\"../x\"]").unwrap_err().contains(":1:12: "));
    assert!(names("include = [\"${NO}\"]").unwrap_err().contains("there is no NO in the environment"));
    assert!(names("include = [").is_err());
}

#[test]
fn accounts_of_included_files_are_looked_up_too() {
    let more = "[[backend]]\nname = \"b\"\nservers = [\"unix:/b\"]\npeer_uid = \"nobody-of-that-name\"\n";
    let main = format!("{GOOD}{SITE}");
    let report = compile_sources(&sources(&main, &[("b", more)], Environment::none()), &Accounts::default());
    assert!(report.unwrap_err().to_string().starts_with("b:4:12: there is no user"));
}
