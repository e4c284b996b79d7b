//! What rules remember of an address holds over lanes, reloads and lost filters, and ends when its
//! time is over.

mod edge;

use edge::{
    Setting, configuration, connections_over_lanes, counting, rules, setting, status, status_on, store,
    with_records_in_time,
};
use fosse_harness::{Backend, Edge, is_alive, wait_for};
use rustix::process::Signal;

#[test]
fn requests_of_an_address_are_counted_over_lanes_and_denied_beyond_their_number() {
    with_records_in_time(
        || setting(&counting(50), 2),
        |(backend, _, edge)| {
            let mut clients = connections_over_lanes(edge);
            let count = clients.len();
            for number in 0..50 {
                assert_eq!(status_on(&mut clients[number * 7 % count], "/"), 200, "request {number}: {}", edge.log());
            }
            // A denial ends its connection: each of these comes on its own.
            for _ in 0..4 {
                assert_eq!(status(edge, "/"), 429);
            }
            assert_eq!(backend.requests(), 50);
            assert_eq!(status(edge, "/?is=55"), 418, "denied ones count as well");
            let counted = |name| edge.counter("store", name);
            wait_for("the counters", || ((counted("saves"), counted("records")) == (55, 1)).then_some(()));
            // Before the first record is there a filter knows that there is none: the first request
            // of each lane need not load.
            assert!((53..=55).contains(&counted("loads")), "{}", counted("loads"));
        },
    );
}

#[test]
fn rules_that_keep_nothing_load_nothing() {
    let looks = "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}\"\n\
        SecRule IP:blocked \"@eq 1\" \"id:2,phase:1,deny,status:429\"\n\
        SecRule ARGS:block \"@eq 1\" \"id:3,phase:2,pass,nolog,setvar:ip.blocked=1\"\n";
    let (_backend, _rules, edge) = setting(looks, 1);
    let counted = |name| edge.counter("store", name);
    // As soon as the store has announced that there are no records.
    wait_for("a request that loads nothing", || {
        let before = counted("loads");
        assert_eq!(status(&edge, "/"), 200);
        (counted("loads") == before).then_some(())
    });
    let before = counted("loads");
    (0..20).for_each(|_| assert_eq!(status(&edge, "/"), 200));
    assert_eq!(counted("loads"), before);
    assert_eq!(status(&edge, "/?block=1"), 200);
    wait_for("429", || (status(&edge, "/") == 429).then_some(()));
}

#[test]
fn the_example_in_the_manual_does_what_it_says() {
    let page = include_str!("../../../man/fosse-store.8");
    let example = page.split(".Bd -literal -offset indent\n").nth(1).unwrap().split(".Ed\n").next().unwrap();
    with_records_in_time(
        || setting(&example.replace("\\e\n", "\\\n"), 1),
        |(_, _, edge)| {
            let mut client = fosse_harness::Client::connect(edge.address());
            (0..100).for_each(|_| assert_eq!(status_on(&mut client, "/"), 200));
            assert_eq!(status_on(&mut client, "/"), 429);
        },
    );
}

#[test]
fn requests_at_the_same_time_all_count() {
    with_records_in_time(
        || setting(&counting(1_000_000), 2),
        |(_, _, edge)| {
            let clients = connections_over_lanes(edge);
            let threads = u32::try_from(clients.len()).unwrap();
            std::thread::scope(|scope| {
                for mut client in clients {
                    scope.spawn(move || (0..50).for_each(|_| assert_eq!(status_on(&mut client, "/"), 200)));
                }
            });
            assert_eq!(status(edge, &format!("/?is={}", threads * 50 + 1)), 418, "{}", edge.log());
        },
    );
}

#[test]
fn counters_survive_a_reload_and_the_death_of_a_filter() {
    with_records_in_time(
        || setting(&counting(30), 1),
        |(backend, rules, edge)| {
            let before = store(edge).unwrap();
            (0..10).for_each(|_| assert_eq!(status(edge, "/"), 200));
            edge.reload(&configuration(backend, rules, 2));
            (0..10).for_each(|_| assert_eq!(status(edge, "/"), 200));
            let filter = edge.process("waf-filter");
            filter.signal(Signal::KILL);
            wait_for("its end", || (!is_alive(filter.pid)).then_some(()));
            // While its lane ends there are 503 too, which are not counted.
            let mut served = 0;
            wait_for("429", || match status(edge, "/") {
                200 => {
                    served += 1;
                    None
                }
                429 => Some(()),
                other => {
                    assert!([0, 503].contains(&other), "{other}");
                    None
                }
            });
            assert!(served <= 10, "{served} and 20 before");
            assert_eq!(store(edge).unwrap().pid, before.pid, "it is the same one");
        },
    );
}

#[test]
fn an_address_is_denied_after_responses_of_a_kind() {
    let text = "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}\"\n\
                SecRule IP:failed \"@ge 3\" \"id:2,phase:1,deny,status:429\"\n\
                SecRule RESPONSE_STATUS \"@streq 401\" \"id:3,phase:3,pass,nolog,setvar:ip.failed=+1\"\n\
                SecRule IP:failed \"@eq 2\" \"id:4,phase:5,pass,log,msg:'the second'\"\n";
    with_records_in_time(
        || inspecting(text),
        |(_, _, edge)| {
            let statuses = ["/", "/status/401", "/status/404", "/status/401", "/", "/status/401", "/", "/status/401"];
            let seen = statuses.map(|target| status(edge, target));
            assert_eq!(seen, [200, 401, 404, 401, 200, 401, 429, 429], "{}", edge.log());
        },
    );
}

/// A setting whose site has these rules, for responses too.
fn inspecting(text: &str) -> Setting {
    let (backend, rules) = (Backend::start(), rules(text));
    let configuration = configuration(&backend, &rules, 1) + "inspect_responses = true\n";
    let edge = Edge::with_config(&configuration, &["--dir", &rules.path().to_string_lossy()]);
    (backend, rules, edge)
}

#[test]
fn a_response_waits_for_the_record_that_its_rules_look_at() {
    let text = "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.hits=+1\"\n\
                SecRule IP:hits \"@gt 2\" \"id:2,phase:3,deny,status:418\"\n";
    with_records_in_time(
        || inspecting(text),
        |(backend, _, edge)| {
            assert_eq!([(); 4].map(|()| status(edge, "/bytes/100000")), [200, 200, 418, 418], "{}", edge.log());
            assert_eq!(backend.requests(), 4);
        },
    );
}

#[test]
fn a_counter_ends_when_its_time_is_over() {
    let text = "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.all=+1,setvar:ip.soon=+1,\
                expirevar:ip.soon=1\"\n\
                SecRule ARGS:soon \"@eq %{ip.soon}\" \"id:2,phase:1,deny,status:418\"\n\
                SecRule IP:all \"@gt 1000\" \"id:3,phase:1,deny,status:429\"\n\
                SecRule IP:IS_NEW \"@eq 1\" \"id:4,phase:1,deny,status:426\"\n";
    with_records_in_time(
        || setting(text, 1),
        |(_, _, edge)| {
            assert_eq!(status(edge, "/"), 426, "the first request of an address");
            assert_eq!(status(edge, "/"), 200);
            wait_for("a counter that begins again", || {
                std::thread::sleep(std::time::Duration::from_millis(1100));
                (status(edge, "/?soon=1") == 418).then_some(())
            });
        },
    );
}

#[test]
fn sessions_of_two_applications_are_not_the_same() {
    let of = |id: u32, name: &str| {
        format!(
            "SecWebAppId {name}\nSecAction \"id:{id},phase:1,pass,nolog,setsid:%{{ARGS.sid}},setvar:session.hits=+1\"\n\
             SecRule SESSION:hits \"@gt 2\" \"id:{},phase:1,deny,status:429\"\n",
            id + 1
        )
    };
    let two_sites = || {
        let (backend, rules) = (Backend::start(), rules(&of(1, "one")));
        std::fs::write(rules.join("other.conf"), of(11, "two")).unwrap();
        let site = configuration(&backend, &rules, 1);
        let other = format!(
            "{site}[[site]]\nhosts = [\"two.example\"]\nbackend = \"app\"\nrules = [\"{}/other.conf\"]\n",
            rules.path().display()
        );
        let edge = Edge::with_config(&other, &["--dir", &rules.path().to_string_lossy()]);
        (backend, rules, edge)
    };
    with_records_in_time(two_sites, |(_, _, edge)| {
        let of_host = |host: &str| {
            let request = format!("GET /?sid=abc HTTP/1.1\r\nHost: {host}\r\n\r\n");
            fosse_harness::request(edge.address(), request).status
        };
        assert_eq!([of_host("one.example"), of_host("one.example"), of_host("one.example")], [200, 200, 429]);
        assert_eq!([of_host("two.example"), of_host("two.example"), of_host("two.example")], [200, 200, 429]);
    });
}
