//! `fosse up`: becomes fosse-start, with a configuration from a file or from the flags.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};

use fosse_args::Args;
use fosse_die::{fatal, info, temporary, usage, warning};
use fosse_model::{Accounts, Edge, Report, address::ListenAddress, compile, read};

use crate::address::{address, server_address, shown};
use crate::configuration::Configuration;
use crate::{
    PROGRAM, check, edge, port,
    rules::layout,
    site::{Serves, Site},
    sockets, start,
};

/// The flags that make a configuration, and so exclude one.
const OF_A_SITE: &[&str] = &[
    "--listen",
    "--backend",
    "--files",
    "--waf",
    "--rules",
    "--methods",
    "--body-max",
    "--audit-log",
    "--inspect-responses",
    "--tls-cert",
    "--tls-key",
    "--lanes",
    "--status-socket",
];

/// Keys that messages about the configuration name, and the flags that they are made of.
const KEYS: &[(&str, &str)] = &[
    ("address", "--listen"),
    ("file", "--tls-cert"),
    ("key", "--tls-key"),
    ("servers", "--backend"),
    ("files", "--files"),
    ("rules", "--rules"),
    ("methods", "--methods"),
    ("body_bytes_max", "--body-max"),
    ("audit_log", "--audit-log"),
    ("lanes", "--lanes"),
    ("status_socket", "--status-socket"),
];

/// The word of `--methods` for the methods of WebDAV (RFC 4918, section 9).
const WEBDAV: (&str, &[&str]) = ("webdav", &["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"]);

/// Runs the edge; returns only where it cannot.
pub(crate) fn run(words: &Args) -> i32 {
    let mut start = start::command(words);
    // Open until exec is done.
    let handed;
    match words.value("--config") {
        Some(path) => {
            if let Some(flag) = OF_A_SITE.iter().find(|flag| words.has(flag)) {
                usage(PROGRAM, &format!("{flag} and --config exclude each other: write it into the configuration"));
            }
            announce_configuration(path, words.values("--dir"));
            start.arg("--config").arg(path);
        }
        None => {
            let socket = status_socket(words.value("--status-socket"));
            let site = site(words, socket.as_deref().unwrap_or("off"));
            let text = configuration(&site);
            // What is wrong with the flags comes first: nothing starts then.
            if let Err(why) = socket {
                let cure = "fosse status will not see this edge (--status-socket PATH gives it a place)";
                warning(PROGRAM, format_args!("{why}: {cure}"));
            }
            report_sockets(&Configuration::of_text("", &text));
            handed = start::sealed(text.as_bytes());
            start.arg("--config-fd").arg(start::number(&handed)).arg("--next-uids");
            if let Some((directory, _)) = audit_log(words) {
                start.arg("--log-dir").arg(directory);
            }
            if !words.has("--dir") {
                for directory in layout::directories(&site.rules) {
                    start.arg("--dir").arg(directory);
                }
            }
            announce(&site, words.values("--rules"));
        }
    }
    let error = start.exec();
    temporary(PROGRAM, format_args!("unable to run {}: {error}", start.get_program().display()))
}

/// Reports the sockets of backends that fosse-connect cannot connect to as they are now.
fn report_sockets(configuration: &Configuration) {
    if let Ok((edge, plan)) = configuration.compiled(&check::accounts()) {
        sockets::report(&edge, &plan, &check::accounts());
    }
}

/// Says what is about to be served. A configuration that cannot be read or has a mistake is left
/// to fosse-start, which says so.
fn announce_configuration(path: &str, directories: &[String]) {
    // A pipe can be read once.
    if !std::fs::metadata(path).is_ok_and(|facts| facts.is_file()) {
        return;
    }
    let configuration = Configuration::load(path, directories);
    report_sockets(&configuration);
    if let Ok((edge, _)) = configuration.compiled(&check::accounts()) {
        refuse_ports(&edge);
        check::summary(&configuration, &edge)
            .lines()
            .for_each(|line| info(PROGRAM, format_args!("starting {}", line.trim())));
    }
}

fn announce(site: &Site, rules: &[String]) {
    let waf = site.waf.as_deref().unwrap_or("block");
    let rules = match (waf, rules) {
        ("off", _) => "no firewall".to_owned(),
        (_, []) => format!("rules: built-in, {waf}"),
        (_, named) => format!("rules: {}, {waf}", named.join(", ")),
    };
    let serves = match &site.serves {
        Serves::Backend(address) => shown(address),
        Serves::Files(directory) => format!("files below {directory}"),
    };
    info(PROGRAM, format_args!("starting {} -> {serves}, {rules}", shown(&site.listen)));
}

/// Ends the program where a port cannot be had: start would say so too, but not who has it.
fn refuse_ports(edge: &Edge) {
    for listen in edge.listen.iter() {
        if let ListenAddress::Tcp(address) = listen.address.value
            && listen.name.value.is_none()
            && let Some(why) = port::unusable(address)
        {
            temporary(PROGRAM, why);
        }
    }
}

/// Returns the values of the flags, for an edge with that status socket.
fn site(words: &Args, status_socket: &str) -> Site {
    let needed = |flag: &str, read: fn(&str) -> Result<String, String>| match words.value(flag) {
        Some(value) => read(value).unwrap_or_else(|why| usage(PROGRAM, &format!("{flag} {why}"))),
        None => words.refuse("up needs --listen ADDR and --backend ADDR or --files DIR, or --config FILE"),
    };
    let serves = match words.value("--files") {
        Some(_) if words.has("--backend") => usage(PROGRAM, "--files and --backend exclude each other"),
        Some(written) => Serves::Files(directory(written)),
        None => Serves::Backend(needed("--backend", server_address)),
    };
    let lanes = words.value("--lanes").map(|text| {
        text.parse().unwrap_or_else(|_| {
            usage(PROGRAM, &format!("--lanes: '{text}' is not a number of lanes; without it there is one per core"))
        })
    });
    Site {
        listen: needed("--listen", address),
        serves,
        waf: words.value("--waf").map(str::to_owned),
        rules: layout::entries(words.values("--rules")).unwrap_or_else(|why| fatal(PROGRAM, why)),
        methods: methods(words),
        body_max: words.value("--body-max").map(str::to_owned),
        audit_log: audit_log(words).map(|(_, name)| name),
        inspect_responses: words.has("--inspect-responses"),
        tls: tls(words),
        lanes,
        status_socket: status_socket.to_owned(),
    }
}

/// Returns the files of the certificate and of its key.
fn tls(words: &Args) -> Option<(String, String)> {
    match (words.value("--tls-cert"), words.value("--tls-key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((absolute(certificate), absolute(key))),
        _ => usage(PROGRAM, "--tls-cert and --tls-key go together: the certificate and its private key"),
    }
}

/// Returns the methods that the flags add.
fn methods(words: &Args) -> Vec<String> {
    let of_word = |word: &str| match word {
        word if word.eq_ignore_ascii_case(WEBDAV.0) => WEBDAV.1.iter().map(|method| (*method).to_owned()).collect(),
        method => vec![method.to_owned()],
    };
    words.values("--methods").iter().flat_map(|list| list.split(',')).map(str::trim).flat_map(of_word).collect()
}

/// Returns the flags as a configuration. Ends the program where they make none.
fn configuration(site: &Site) -> String {
    let read = |site: &Site| {
        let text = site.configuration();
        let edge = compile("command line", text.as_bytes(), &Accounts::default())
            .and_then(|_| read("command line", text.as_bytes()));
        (edge.unwrap_or_else(|report| refuse(&report)), text)
    };
    let (edge, text) = read(&Site { methods: Vec::new(), ..site.clone() });
    refuse_ports(&edge);
    if site.methods.is_empty() {
        return text;
    }
    let usual = edge.site.iter().flat_map(|site| site.methods.iter().map(|method| method.value.0.clone()));
    let mut methods: Vec<String> = usual.collect();
    methods.extend(site.methods.iter().filter(|method| !methods.contains(method)).cloned().collect::<Vec<_>>());
    read(&Site { methods, ..site.clone() }).1
}

/// Ends the program with the problems, in the words of the flags: the file is made of them.
fn refuse(report: &Report) -> ! {
    for problem in report.problems() {
        let is_of = |key: &str| problem.what.strip_prefix(key).filter(|rest| rest.starts_with([' ', ':']));
        let said = KEYS.iter().find_map(|(key, flag)| is_of(key).map(|rest| (*flag, format!("{flag}{rest}"))));
        let (flag, what) = said.unwrap_or(("", problem.what.clone()));
        let cure = match (flag, problem.cure.as_str()) {
            // The memory for inspection is a matter of the whole edge.
            ("--body-max", cure) if cure.contains("[limits]") => "; --waf off takes larger ones".to_owned(),
            (_, "") => String::new(),
            (_, cure) => format!("; {cure}"),
        };
        let _ = writeln!(std::io::stderr(), "{PROGRAM}: usage: {what}{cure}");
    }
    fatal(PROGRAM, "nothing was started")
}

/// Returns the path for fosse-status, or "off" where somebody wants none.
///
/// # Errors
/// The reason that there is no place for it: an edge is worth having without it.
fn status_socket(asked: Option<&str>) -> Result<String, String> {
    if let Some(asked) = asked {
        return Ok(if asked == "off" { asked.to_owned() } else { absolute(asked) });
    }
    let Some(path) = edge::status_socket_path() else {
        return Err("no XDG_RUNTIME_DIR, where an ordinary user's socket would be".to_owned());
    };
    if edge::is_served(&path) {
        return Err(format!("another edge serves {}", path.display()));
    }
    match path.parent().map(make_directory) {
        Some(Err(error)) => Err(format!("unable to make {}: {error}", path.display())),
        _ => Ok(path.to_string_lossy().into_owned()),
    }
}

/// Returns the directory and the name of the file of `--audit-log`.
fn audit_log(words: &Args) -> Option<(PathBuf, String)> {
    let path = PathBuf::from(absolute(words.value("--audit-log")?));
    if words.has("--log-dir") {
        usage(PROGRAM, "--audit-log and --log-dir exclude each other: the log's path says its directory");
    }
    match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) => Some((directory.to_path_buf(), name.to_string_lossy().into_owned())),
        _ => usage(PROGRAM, &format!("--audit-log: '{}' is no path of a file", path.display())),
    }
}

fn make_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Returns the absolute path of a directory, without the `..` that no configuration takes. A link
/// is left as it is, so that a reload follows it.
fn directory(written: &str) -> String {
    let leads_up = Path::new(written).components().any(|part| part == Component::ParentDir);
    let resolved = if leads_up { std::fs::canonicalize(written).ok() } else { None };
    resolved.map_or_else(|| absolute(written), |path| path.to_string_lossy().into_owned())
}

fn absolute(path: &str) -> String {
    std::path::absolute(PathBuf::from(path)).map_or_else(|_| path.to_owned(), |p| p.to_string_lossy().into_owned())
}
