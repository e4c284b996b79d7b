//! Configuration, rule bundles, address lists.

use fosse_bundle::{Bundle, Part, Parts, RuleSet};
use fosse_plan::{FilesPlan, Listener, Place, Plan};
use fosse_wire::launch::Program;

use super::{texts, with_first};

/// Tokens of address lists.
pub const ADDRESSES: &[&[u8]] = &[
    b"10.0.0.0/8\n",
    b"192.0.2.1\n",
    b"2001:db8::/32\n",
    b"::/0\n",
    b"0.0.0.0/0\n",
    b"/32",
    b"/128",
    b"/33",
    b"::ffff:1.2.3.4",
    b"# x\n",
    b"\n",
    b"\r\n",
    b" ",
    b"255.255.255.255",
    b"01",
];
/// Tokens of the configuration.
pub const CONFIGURATION: &[&[u8]] = &[
    b"[[listen]]\n",
    b"[[site]]\n",
    b"[[backend]]\n",
    b"[[site.route]]\n",
    b"[timeouts]\n",
    b"[limits]\n",
    b"address = ",
    b"\"127.0.0.1:1\"",
    b"\"unix:/x\"",
    b"hosts = [\"a\"]\n",
    b"backend = \"app\"\n",
    b"servers = [\"unix:/x\"]\n",
    b"name = ",
    b"= ",
    b"\"",
    b"\"\"\"",
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\n",
    b"#",
    b"true",
    b"-1",
    b"9223372036854775808",
    b"1e9",
    b"\"16 KiB\"",
    b"\\u0000",
    b"\xff",
    b"mode = \"0660\"\n",
    b"1979-05-27T07:32:00Z",
];

/// Bundles of rule files.
pub fn bundles() -> Vec<Vec<u8>> {
    let files = [("a.conf", &b"SecRuleEngine On\n"[..]), ("rules/b.data", b"x\ny\n")];
    let bundle = Bundle {
        sets: vec![RuleSet { entries: vec!["a.conf".into()] }, RuleSet::default()],
        files: files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect(),
    };
    [bundle, Bundle::default()].iter().filter_map(|bundle| bundle.encode().ok()).collect()
}

/// Pages of sites.
pub fn pages() -> Vec<Vec<u8>> {
    let all: [&[&[u8]]; 2] = [&[b"<p>{status} {reason}</p>", b"", b"\x89PNG"], &[]];
    all.iter().filter_map(|pages| fosse_bundle::encode_pages(pages.iter().copied()).ok()).collect()
}

/// What fosse-load writes.
pub fn parts() -> Vec<Vec<u8>> {
    let (rules, images, pages) = (bundles(), images(), pages());
    let mut parts = Vec::new();
    parts.extend(rules.first().map(|bytes| Part::Rules(bytes)));
    parts.extend(images.first().map(|image| Part::Addresses { listener: 3, image }));
    parts.extend(pages.first().map(|bytes| Part::Pages(bytes)));
    [Parts { parts }, Parts::default()].iter().filter_map(|parts| parts.encode().ok()).collect()
}

const LISTS: &[(&str, &str)] = &[
    ("10.1.0.0/16\n", "10.0.0.0/8\n192.0.2.7\n"),
    ("", "2001:db8::/32\n::/0 # all\n"),
    ("0.0.0.0/0\n::1\n", "\n# none\n255.255.255.255/32\n"),
    ("", ""),
];

/// Compiled address lists.
pub fn images() -> Vec<Vec<u8>> {
    LISTS.iter().filter_map(|(allow, deny)| fosse_cidr::compile(allow.as_bytes(), deny.as_bytes()).ok()).collect()
}

/// Address lists: where the allow list ends, then both.
pub fn lists() -> Vec<Vec<u8>> {
    let one = |(allow, deny): &(&str, &str)| with_first(&[allow.len() as u8], &[[*allow, *deny].concat().into_bytes()]);
    LISTS.iter().flat_map(one).collect()
}

/// Configurations.
pub fn configurations() -> Vec<Vec<u8>> {
    let mut all = vec![include_bytes!("../../../common/config/model/tests/full.toml").to_vec()];
    all.extend(texts(&[
        "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\nhosts = [\"a.example\"]\nbackend = \"app\"\n[[backend]]\nname = \"app\"\n\
         servers = [\"unix:/run/app.sock\"]\n",
        "lanes = 2\n[limits]\nhead_bytes_max = \"16 KiB\"\n[timeouts]\nidle_seconds = 7.5\n",
    ]));
    all
}

/// Configurations of nginx.
pub fn nginx() -> Vec<Vec<u8>> {
    texts(&[
        "http { upstream a { hash $cookie_a; server 127.0.0.1:1 weight=2; } server { listen 80; server_name .a.example;\n\
         location /a/ { proxy_pass http://a; } location / { root '/srv'; try_files $uri =404; } } }",
        "include x; # y\nserver { listen [::]:80 ssl; client_max_body_size 1g; location ~ a\\;b { return 301 ${x}; } }",
        include_str!("../../../common/config/migrate/tests/guides/nginx-node.conf"),
        include_str!("../../../common/config/migrate/tests/guides/nginx-downloads.conf"),
    ])
}

/// Configurations of HAProxy.
pub fn haproxy() -> Vec<Vec<u8>> {
    texts(&[
        "global\n maxconn 9\nfrontend a\n bind :80\n acl h hdr(host) -i a.b\n use_backend b if h\n default_backend b\nbackend b\n\
             balance hdr(X)\n cookie A insert\n option httpchk GET /\n server a 127.0.0.1:1 weight 2 check\n",
    ])
}

/// Configurations of Caddy.
pub fn caddy() -> Vec<Vec<u8>> {
    texts(&[
        "(s) {\n reverse_proxy :1\n}\nhttp://a.b, :80 {\n bind ::1\n root * /s\n import s\n handle /a/* {\n reverse_proxy unix//r {\n\
             lb_policy ip_hash\n }\n }\n file_server\n}\n",
    ])
}

/// Words of HAProxy's configurations.
pub const HAPROXY: &[&[u8]] =
    &[b"frontend a\n", b"backend a\n", b"bind :80\n", b"server a 127.0.0.1:1\n", b"path_beg /a", b"use_backend a if "];

/// Words of nginx's configurations.
pub const NGINX: &[&[u8]] = &[
    b"server {",
    b"location / {",
    b"proxy_pass http://127.0.0.1:1;",
    b"root /a;",
    b"listen 80;",
    b"server_name a.b;",
    b"}",
];

/// Configurations of several files, with a NUL between two of them.
pub fn several() -> Vec<Vec<u8>> {
    let mut all = configurations();
    all.extend(texts(&[
        "include = [\"*\"]\nlanes = \"${ONE:-2}\"\n[template.t]\nwaf = \"off\"\n\0[[site]]\ntemplate = \"t\"\nhosts = [\"${HOST}\"]\n\
         \0[[backend]]\nname = \"$${x}\"\n",
        "[[site]]\n\0[site]\n\0template = 1\n\0[template.t]\nroute = []\n\0[template.t]\n",
    ]));
    all
}

/// What start is told.
pub fn plans() -> Vec<Vec<u8>> {
    let plan = Plan {
        lanes: 2,
        uid_base: 70_000,
        drain_seconds_max: std::time::Duration::from_millis(5),
        stop_seconds_max: std::time::Duration::from_millis(6),
        group: 33,
        lane_connections_max: 9,
        listeners: vec![
            Listener {
                name: b"http".to_vec(),
                place: Place::Tcp { addr: [1; 16], port: 80 },
                backlog: 7,
                keepalive_seconds: 60,
                freebind: true,
            },
            Listener {
                name: vec![],
                place: Place::Unix { path: b"/run/x".to_vec(), owner: 0, group: u32::MAX, mode: 0o660 },
                backlog: 0,
                keepalive_seconds: 0,
                freebind: false,
            },
        ],
        access_log: b"access.log".to_vec(),
        files: vec![FilesPlan { name: b"www".to_vec(), root: b"/srv/www".to_vec(), settings: vec![4, 5] }],
        blobs: vec![(Program::Accept, vec![1, 2, 3])],
        ..Plan::default()
    };
    [plan, Plan::default()].iter().filter_map(|plan| plan.encode().ok()).collect()
}

/// Globs and names.
pub fn globs() -> Vec<Vec<u8>> {
    texts(&["rules/*.conf\nrules/a.conf", "r?les/[a-c]*[!x]\nrules/beta/../b", "*a*b*c\n/../xaxxbxxc", "/a//b\n/a/./b"])
}

/// Changes to a disk of responses: a byte of a slot, of a response and of the header, a slot and a
/// response in the place of another one.
pub fn disks() -> Vec<Vec<u8>> {
    let at = |place: u16| ((place / 3).to_le_bytes()[0], (place / 3).to_le_bytes()[1]);
    let change = |which: u8, how: u8, place: u16, byte: u8| vec![which, how, at(place).0, at(place).1, byte];
    let each = [
        change(0, 0, 4098, 1),
        change(1, 0, 9500, 1),
        change(0, 0, 12, 1),
        change(0, 1, 4095, 57),
        change(1, 1, 9216, 1),
        change(0, 2, 0, 0),
    ];
    vec![each.concat(), each[1].repeat(4), each[3].repeat(7)]
}
