//! A configuration becomes a plan in which names are numbers and every default is filled in.

use std::net::Ipv4Addr;
use std::time::Duration;

use fosse_model::Accounts;
use fosse_plan::{Place, Plan};
use fosse_settings as blobs;
use fosse_wire::blob::decode;
use fosse_wire::launch::Program;

const FULL: &str = include_str!("full.toml");

fn accounts() -> Accounts {
    Accounts::from_files(
        b"root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/false\napp:x:1001:1002::/:\nbroken\n",
        b"root:x:0:\nweb:x:44:app\n",
    )
}

fn plan(text: &str) -> Plan {
    fosse_model::compile("fosse.toml", text.as_bytes(), &accounts()).unwrap_or_else(|report| panic!("{report}"))
}

fn small(rest: &str) -> String {
    format!(
        "{rest}\n[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\nhosts = [\"example.org\"]\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"unix:/run/app.sock\"]\n"
    )
}

#[test]
fn three_tables_are_a_whole_configuration() {
    let plan = plan(&small(""));
    assert_eq!((plan.lanes, plan.uid_base, plan.drain_seconds_max), (0, 70_000, Duration::from_secs(300)));
    let addr = Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
    assert_eq!(plan.listeners[0].place, Place::Tcp { addr, port: 8080 });
    assert_eq!(Plan::decode(&plan.encode().unwrap()).unwrap(), plan);
    let parse: blobs::Parse = decode(plan.blob(Program::Parse)).unwrap();
    assert_eq!(
        (parse.head_seconds.as_secs(), parse.head.head_bytes_max, parse.head.header_count_max),
        (10, 32_768, 100)
    );
    assert_eq!((parse.default_site, parse.access_log, parse.upgrade), (None, false, vec!["websocket".to_owned()]));
    let waf: blobs::WafFilter = decode(plan.blob(Program::WafFilter)).unwrap();
    assert_eq!(
        (waf.profiles[0].waf, waf.profiles[0].rules, waf.profiles[0].body_bytes_max),
        (blobs::WafMode::Block, Some(0), 1 << 20)
    );
    // A site that names no rules has the built-in ones.
    let load: blobs::Load = decode(plan.blob(Program::Load)).unwrap();
    assert_eq!(load.rules, ["builtin"]);
    assert!(!parse.policies[0].methods.contains(&"TRACE".to_owned()) && !parse.policies[0].other_methods);
    assert_eq!(parse.idle_seconds.as_secs(), 75, "longer than a load balancer keeps a connection");
    // waf-filter has the limit of bodies, and nothing waits for a close.
    assert!(parse.policies[0].body_bytes_max == u64::MAX && !parse.policies[0].abort_on_close);
}

#[test]
fn counters_are_read_at_the_places_that_are_named() {
    let Plan { status_socket, status_address, sites, backends, .. } = plan(&small(""));
    let path = b"/run/fosse/status.sock".to_vec();
    let default = Place::Unix { path: path.clone(), owner: u32::MAX, group: u32::MAX, mode: 0o660 };
    assert_eq!((status_socket, status_address, sites, backends), (Some(default), None, 1, 1));
    let named = "status_socket_owner = \"app\"\nstatus_socket_group = \"web\"\nstatus_socket_mode = \"0640\"\n\
                 status_address = \"192.0.2.1:9145\"\nstatus_public = true";
    let Plan { status_socket, status_address, .. } = plan(&small(named));
    assert_eq!(status_socket, Some(Place::Unix { path, owner: 1001, group: 44, mode: 0o640 }));
    let addr = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
    assert_eq!(status_address, Some(Place::Tcp { addr, port: 9145 }));
    assert_eq!(plan(&small("status_socket = \"off\"")).status_socket, None);
}

#[test]
fn names_become_indices_and_each_route_has_a_policy() {
    let dispatch: blobs::Dispatch = decode(plan(FULL).blob(Program::Dispatch)).unwrap();
    let routes = &dispatch.sites[0].routes;
    let paths: Vec<(&blobs::PathMatch, u32)> = routes.routes.iter().map(|route| (&route.path, route.policy)).collect();
    let prefix = |text: &str| blobs::PathMatch::Prefix(text.to_owned());
    assert_eq!(paths, [(&prefix("/static"), 1), (&prefix("/static/pictures"), 2)]);
    let goals: Vec<&blobs::Action> = dispatch.policies.iter().map(|policy| &policy.action).collect();
    assert_eq!(goals[..3], [&blobs::Action::Backend(0), &blobs::Action::Backend(1), &blobs::Action::Backend(2)]);
    assert_eq!((routes.policy, dispatch.sites[1].routes.policy, dispatch.sites[2].routes.policy), (0, 3, 4));
    assert!(dispatch.sites[1].default && dispatch.sites[1].hosts.is_empty());
    let app = &dispatch.backends[0];
    assert_eq!(
        (app.server_first, app.server_count, app.failures_max, app.rest_seconds),
        (0, 2, 5, Duration::from_secs(10))
    );
    assert_eq!(
        (
            dispatch.backends[1].server_first,
            dispatch.backends[1].proxy_protocol,
            dispatch.backends[1].pool_connections_max
        ),
        (2, 2, 0)
    );
    let connect: blobs::Connect = decode(plan(FULL).blob(Program::Connect)).unwrap();
    assert_eq!(connect.servers.len(), dispatch.servers.len() + 1);
    let loopback = Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
    assert_eq!(connect.servers[4].address, blobs::Address::Tcp(loopback, 3001));
    assert_eq!(connect.servers[0].address, blobs::Address::Unix("/run/app/1.sock".into()));
    assert_eq!(
        (connect.servers[0].peer_uids.as_slice(), connect.servers[0].connect_seconds),
        ([1001].as_slice(), Duration::from_millis(1500))
    );
}

#[test]
fn a_backend_that_serves_files_is_one_server_without_an_address_and_a_part_of_the_plan() {
    let files = "[[backend]]\nname = \"www\"\nfiles = \"/srv/www/\"\nindex = [\"a.html\", \"b.html\"]\n\
                 [[backend]]\nname = \"docs\"\nfiles = \"/srv/docs\"\n";
    let plan = plan(&format!("{}{files}", small("")));
    let named: Vec<_> = plan.files.iter().map(|files| (files.name.as_slice(), files.root.as_slice())).collect();
    assert_eq!(named, [(&b"www"[..], &b"/srv/www"[..]), (b"docs", b"/srv/docs")]);
    let settings: blobs::Files = decode(&plan.files[0].settings).unwrap();
    assert_eq!((settings.name.as_str(), settings.index.join(" ").as_str()), ("www", "a.html b.html"));
    let connect: blobs::Connect = decode(plan.blob(Program::Connect)).unwrap();
    let addresses: Vec<_> = connect.servers.iter().skip(1).map(|server| server.address.clone()).collect();
    assert_eq!(addresses, [blobs::Address::Files(0), blobs::Address::Files(1)]);
    let dispatch: blobs::Dispatch = decode(plan.blob(Program::Dispatch)).unwrap();
    assert_eq!(dispatch.servers[1].name, "files:/srv/www");
}

#[test]
fn checks_are_of_the_prober_and_their_servers_have_the_same_numbers_in_every_configuration() {
    let prober: blobs::Prober = decode(plan(FULL).blob(Program::Prober)).unwrap();
    let check = &prober.checks[0];
    assert_eq!(
        (check.path.as_str(), check.interval_seconds, check.failures_max, check.proxy_protocol),
        ("/health?deep=1", Duration::from_millis(2500), 5, 0)
    );
    assert_eq!((check.method.as_str(), check.body.as_str()), ("OPTIONS", "ready"));
    assert_eq!(check.status, [(200, 299), (401, 401)]);
    // The third one is checked at another port, which stands after the servers in connect's table.
    let of: Vec<_> = prober.servers.iter().map(|server| (server.check, server.address)).collect();
    assert_eq!(of, [(0, 0), (0, 1), (1, 4)]);
    let dispatch: blobs::Dispatch = decode(plan(FULL).blob(Program::Dispatch)).unwrap();
    let numbers: Vec<_> = prober.servers.iter().map(|server| server.health_number).collect();
    let of_dispatch: Vec<_> = dispatch.servers.iter().filter_map(|server| server.health_number).collect();
    assert!(numbers == of_dispatch && numbers.iter().all(|number| *number != 0));
    // In a page that outlives configurations and upgrades a check is found by its number alone.
    let checked = "[backend.health]\npath = \"/\"";
    let prober: blobs::Prober = decode(plan(&format!("{}{checked}\n", small(""))).blob(Program::Prober)).unwrap();
    assert_eq!(prober.servers[0].health_number, 0xaa87_65c2_f3d6_266b);
    assert!(plan(&small("")).blob(Program::Prober).is_empty(), "nothing is checked");
}

#[test]
fn servers_of_fastcgi_get_whole_bodies_over_connections_of_their_own_and_no_upgrades() {
    let with = |backend: &str, fastcgi: &str| {
        let table = format!("{backend}\n[backend.fastcgi]\nroot = \"/srv/www/\"\nfront_controller = \"/index.php\"\n");
        plan(&format!("{}{table}{fastcgi}\n", small("")))
    };
    let backend = |plan: &Plan| {
        let dispatch: blobs::Dispatch = decode(plan.blob(Program::Dispatch)).unwrap();
        dispatch.backends[0].clone()
    };
    let whole = |plan: &Plan| {
        let waf: blobs::WafFilter = decode(plan.blob(Program::WafFilter)).unwrap();
        waf.policies.iter().map(|policy| policy.buffer_requests).collect::<Vec<_>>()
    };
    let plain = with("", "");
    let compiled = backend(&plain);
    assert_eq!((compiled.pool_connections_max, compiled.upgrade.len(), whole(&plain)), (0, 0, vec![true]));
    let parse: blobs::Parse = decode(plain.blob(Program::Parse)).unwrap();
    assert_eq!(parse.upgrade, [""; 0], "there is nobody to upgrade to");
    let fastcgi = blobs::FastCgi {
        root: "/srv/www".into(),
        front_controller: Some("/index.php".into()),
        params: vec![("SERVER_SOFTWARE".into(), "fosse".into())],
        ..blobs::FastCgi::default()
    };
    assert_eq!(compiled.fastcgi, Some(fastcgi));
    let chosen = with(
        "pool_connections_max = 3\nbuffer_requests = false",
        "scripts = [\"/a/*.php\"]\nindex = \"index.php\"\npath_info = true\nparams = { SERVER_SOFTWARE = \"test\" }",
    );
    let (compiled, fastcgi) = (backend(&chosen), backend(&chosen).fastcgi.unwrap());
    assert_eq!((compiled.pool_connections_max, whole(&chosen)), (3, vec![false]));
    assert_eq!(
        (fastcgi.scripts.as_slice(), fastcgi.index.as_deref()),
        (["/a/*.php".to_owned()].as_slice(), Some("index.php"))
    );
    assert_eq!((fastcgi.path_info, fastcgi.params), (true, vec![("SERVER_SOFTWARE".to_owned(), "test".to_owned())]));
}

#[test]
fn listeners_keep_their_owner_peers_and_trusted_sources() {
    let plan = plan(FULL);
    let place = Place::Unix { path: b"/run/fosse/edge.sock".to_vec(), owner: 33, group: 44, mode: 0o660 };
    assert_eq!(plan.listeners[1].place, place);
    assert_eq!(plan.listeners[0].name, b"http");
    let accept: blobs::Accept = decode(plan.blob(Program::Accept)).unwrap();
    assert_eq!(
        (accept.listeners[1].peer_uids.as_slice(), accept.listeners[1].trusted_unix),
        ([33, 7].as_slice(), true)
    );
    let ten = blobs::Net { addr: Ipv4Addr::new(10, 0, 0, 0).to_ipv6_mapped().octets(), prefix: 104 };
    assert_eq!(accept.listeners[0].trusted[0], ten);
    let parse: blobs::Parse = decode(plan.blob(Program::Parse)).unwrap();
    assert!(!parse.listeners[0].proxy_protocol && parse.listeners[1].proxy_protocol);
    assert_eq!(parse.default_site, Some(1));
}

#[test]
fn sites_with_the_same_rules_share_a_set_and_lists_know_their_listener() {
    let plan = plan(FULL);
    let waf: blobs::WafFilter = decode(plan.blob(Program::WafFilter)).unwrap();
    assert_eq!(waf.profiles.iter().map(|profile| profile.rules).collect::<Vec<_>>(), [Some(0), None, Some(0)]);
    let load: blobs::Load = decode(plan.blob(Program::Load)).unwrap();
    let sets: Vec<Vec<&str>> = load.rules.iter().map(|set| fosse_bundle::split_patterns(set).collect()).collect();
    assert_eq!(sets, [["crs-setup.conf", "rules/*.conf"]]);
    let lists: Vec<(u16, bool, &str)> =
        load.lists.iter().map(|list| (list.listener, list.allow, list.path.as_str())).collect();
    assert_eq!(
        lists,
        [(0, false, "lists/local.txt"), (u16::MAX, true, "lists/friends.txt"), (u16::MAX, false, "/srv/lists/bad.txt")]
    );
}

#[test]
fn exclusions_become_seclang_of_harmless_bytes() {
    let waf: blobs::WafFilter = decode(plan(FULL).blob(Program::WafFilter)).unwrap();
    let before = "SecRule REQUEST_FILENAME \"@rx ^/admin/a\\.b(?:/|$)\" \"id:99000002,phase:1,pass,nolog,\
        ctl:ruleRemoveTargetById=942100-942190;ARGS:sql,ctl:ruleRemoveTargetById=941100;ARGS:sql\"\n";
    let after = "SecRuleRemoveById 920350\nSecRuleUpdateTargetByTag \"^attack-sqli$\" \"!ARGS:comment\"\n";
    let expected = fosse_bundle::join_exclusions(before, after);
    assert_eq!(waf.profiles[0].exclusions, expected);
}

#[test]
fn an_unknown_account_is_reported_at_its_place() {
    let text = small("").replace("servers", "peer_uid = \"www-dat\"\nservers")
        + "[[listen]]\naddress = \"unix:/run/x\"\ngroup = \"nobody\"\npeer_uids = [5, \"nobody\"]\n";
    let report = fosse_model::compile("fosse.toml", text.as_bytes(), &accounts()).unwrap_err();
    let lines: Vec<String> = report.lines().collect();
    assert_eq!(
        lines,
        [
            "fosse.toml:9:12: there is no user \"www-dat\"; did you mean \"www-data\"?",
            "fosse.toml:13:9: there is no group \"nobody\"; make it, or write the number of a group",
            "fosse.toml:14:17: there is no user \"nobody\"; make it, or write the number of a user",
        ]
    );
}

#[test]
fn a_listener_that_is_not_there_or_has_a_default_site_already_is_reported_at_its_place() {
    let text = small("").replace("hosts = [\"example.org\"]", "default_for = [\"nowhere\", \"127.0.0.1:8080\"]")
        + "[[site]]\ndefault_for = [\"127.0.0.1:8080\"]\nbackend = \"app\"\n";
    let report = fosse_model::compile("fosse.toml", text.as_bytes(), &accounts()).unwrap_err();
    let lines: Vec<String> = report.lines().collect();
    assert_eq!(
        lines,
        [
            "fosse.toml:5:16: there is no listener \"nowhere\"; write an address as its [[listen]] has it, or its name",
            "fosse.toml:11:16: listener \"127.0.0.1:8080\" has a default site already; name it in one site",
        ]
    );
}

#[test]
fn a_thousand_sites_compile_in_a_blob() {
    let mut text = small("");
    for number in 0..1000 {
        text += &format!("[[site]]\nhosts = [\"site-{number}.example\"]\nbackend = \"app\"\n");
    }
    let parse: blobs::Parse = decode(plan(&text).blob(Program::Parse)).unwrap();
    assert_eq!(parse.sites.len(), 1001);
}

#[test]
fn hosts_are_in_the_form_in_which_parse_has_them() {
    for written in [
        "Example.ORG",
        "a_b.example.",
        "192.0.2.1",
        "[2001:DB8:0::1]",
        "[::ffff:192.0.2.1]",
        "localhost",
        "xn--mller-kva.de",
    ] {
        let text = small("").replace("example.org", written);
        let parse: blobs::Parse = decode(plan(&text).blob(Program::Parse)).unwrap();
        let host = fosse_http1::Host::parse(written.as_bytes()).unwrap();
        assert_eq!(parse.sites[0].hosts, [host.as_str()], "{written}");
    }
    for refused in ["1.2.3", "0x7f.0x1", "a..b", "-a.b", "a b", "a/b", "%61.org", "a@b", "256.1.1.1", "[::1", "::1", ""]
    {
        let text = small("").replace("example.org", refused);
        assert!(
            fosse_model::read("x", text.as_bytes()).is_err()
                && fosse_http1::Host::parse(refused.as_bytes()).map_or(true, |host| host.port().is_some()),
            "{refused}"
        );
    }
}

#[test]
fn exclusions_are_understood_by_the_engine() {
    let every = "[[site.exclude]]\nrules = [1, \"100-200\"]\n[[site.exclude]]\nrules = [1, \"100-200\"]\nargument = \"a[b].c-d_e\"\n\
        [[site.exclude]]\ntag = \"OWASP_CRS/attack-sqli.x\"\n[[site.exclude]]\ntag = \"t\"\nargument = \"a\"\n\
        [[site.exclude]]\nrules = [\"100-200\"]\ntag = \"a.b/c\"\npath = \"/\"\n\
        [[site.exclude]]\nrules = [\"100-200\"]\ntag = \"a.b/c\"\npath = \"/a+b(c)[d]{e}^$|'\"\nargument = \"a[b].c-d_e\"\n";
    let text =
        small("").replace("backend = \"app\"\n", &format!("backend = \"app\"\nrules = [\"main.conf\"]\n{every}"));
    let waf: blobs::WafFilter = decode(plan(&text).blob(Program::WafFilter)).unwrap();
    let rules = "SecRule ARGS \"@rx x\" \"id:1,phase:2,deny,tag:'t'\"\nSecRule ARGS \"@rx y\" \"id:150,phase:2,deny,tag:'a.b/c'\"\n";
    let mut bundle = fosse_bundle::Bundle::default();
    bundle.sets.push(fosse_bundle::RuleSet { entries: vec!["main.conf".into()] });
    let mut files = fosse_seclang::Bundle::new();
    files.insert("main.conf", rules);
    files.insert("site", bundle.entry_text(0, &waf.profiles[0].exclusions).unwrap());
    if let Err(errors) = fosse_seclang::Ruleset::compile(&files, "site") {
        panic!("{errors:#?}\n{}", waf.profiles[0].exclusions);
    }
}

#[test]
fn plain_listeners_lead_to_the_nearest_with_tls_and_share_a_policy_for_each_port() {
    let listen = |address: &str, keys: &str| format!("[[listen]]\naddress = \"{address}\"\npublic = true\n{keys}\n");
    let redirects = |listeners: &[String]| {
        let certificate = "[[certificate]]\nfile = \"a.pem\"\nkey = \"a.key\"\n";
        let sites = "[[site]]\nhosts = [\"a.example\"]\nrespond = 200\n[[site.route]]\npath = \"/x\"\nrespond = 201\n\
                     [[site]]\nhosts = [\"b.example\"]\nrespond = 200\ntls.redirect = false\n";
        let plan = plan(&format!("{certificate}{}{sites}", listeners.concat()));
        let parse: blobs::Parse = decode(plan.blob(Program::Parse)).unwrap();
        let dispatch: blobs::Dispatch = decode(plan.blob(Program::Dispatch)).unwrap();
        let waf: blobs::WafFilter = decode(plan.blob(Program::WafFilter)).unwrap();
        assert_eq!((dispatch.policies.len(), waf.policies.len()), (parse.policies.len(), parse.policies.len()));
        assert!(parse.sites[1].routes.to_https.is_empty());
        assert_eq!(parse.sites[0].routes, dispatch.sites[0].routes);
        let port = |one: &blobs::ToHttps| {
            let at = usize::try_from(one.policy).unwrap();
            assert_eq!(dispatch.policies[at].action, blobs::Action::Redirect(308));
            let Some(blobs::Part::Text(port)) = parse.policies[at].redirect.as_ref().unwrap().0.get(2) else {
                panic!()
            };
            (one.listener, one.policy, port.clone())
        };
        parse.sites[0].routes.to_https.iter().map(port).collect::<Vec<_>>()
    };
    let said = redirects(&[
        listen("0.0.0.0:80", ""),
        listen("[::]:80", ""),
        listen("192.0.2.1:81", ""),
        listen("192.0.2.1:82", "behind_tls = true"),
        listen("[::]:443", "tls = true"),
        listen("0.0.0.0:8443", "tls = true\npublic_port = 443"),
        listen("192.0.2.1:444", "tls = true"),
    ]);
    assert_eq!(said, [(0, 3, String::new()), (1, 3, String::new()), (2, 4, ":444".to_owned())]);
    // One of loopback is nobody's who comes from elsewhere.
    let loopback = "[[listen]]\naddress = \"127.0.0.1:443\"\ntls = true\n".to_owned();
    assert_eq!(redirects(&[listen("0.0.0.0:80", ""), loopback]), []);
}
