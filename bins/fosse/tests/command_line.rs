//! Words that are mistyped, missing or in another place: nothing is passed over in silence.

use std::process::{Command, Output, Stdio};

use fosse_harness::{Dir, fosse, programs};

fn refused(words: &[&str]) -> String {
    let output = fosse(words);
    assert_eq!(output.status.code(), Some(100), "{words:?}");
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

/// Every program of the suite.
fn all() -> Vec<String> {
    let bins = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let names = std::fs::read_dir(bins).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| if name == "fosse" { name } else { format!("fosse-{name}") }).collect()
}

/// Runs a program in a shell that closes every descriptor but the standard output.
fn alone(name: &str, word: &str) -> Output {
    let command = format!("exec \"$0\" {word} <&- 2>&- 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-");
    let path = programs().join(name);
    Command::new("sh").arg("-c").arg(command).arg(path).stdout(Stdio::piped()).output().unwrap()
}

#[test]
fn every_program_shows_its_help_and_its_version_without_a_descriptor() {
    for name in all() {
        for word in ["--help", "-h"] {
            let output = alone(&name, word);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{name} {word}: {output:?}");
            assert!(said.starts_with(&format!("{name}: ")) && said.contains(&format!("\nusage: {name}")), "{said}");
        }
        let output = alone(&name, "--version");
        assert!(output.status.success(), "{name}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn every_program_says_what_a_wrong_option_may_have_meant() {
    for name in all() {
        let output = Command::new(programs().join(&name)).arg("--vresion").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(100), "{name}");
        assert!(said.starts_with(&format!("{name}: usage: ")), "{said}");
        assert!(said.contains("unknown option --vresion; did you mean --version?"), "{said}");
    }
    let output = Command::new(programs().join("fosse-parse")).arg("--sandbox-strct").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean --sandbox-strict?"));
}

#[test]
fn a_mistyped_command_is_recognised_and_others_are_shown_their_place() {
    assert_eq!(refused(&["chekc"]), "fosse: usage: no command 'chekc'; did you mean check?");
    assert_eq!(refused(&["rules", "explian"]), "fosse: usage: no command 'explian'; did you mean explain?");
    for (word, tool) in [("stop", "systemctl stop fosse"), ("restart", "fosse reload"), ("logs", "journalctl -u fosse")]
    {
        assert!(refused(&[word]).contains(tool), "{word}");
    }
}

#[test]
fn an_option_without_its_value_does_not_take_the_next_option() {
    let said = refused(&["up", "--listen", "127.0.0.1:0", "--backend", "--waf", "off"]);
    assert!(said.contains("--backend needs a value"), "{said}");
}

#[test]
fn a_configuration_is_named_by_a_word_or_by_the_flag_everywhere() {
    let dir = Dir::new();
    let path = dir.join("my edge.toml").to_string_lossy().into_owned();
    let text = "status_socket = \"/nonexistent/status.sock\"\n[[listen]]\naddress = \"127.0.0.1:8080\"\n[[site]]\n\
        default = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"127.0.0.1:3000\"]\n";
    std::fs::write(&path, text).unwrap();
    for words in [&["check", &path][..], &["check", "--config", &path], &["check", &format!("--config={path}")]] {
        let output = fosse(words);
        assert!(output.status.success() && output.stdout.starts_with(path.as_bytes()), "{words:?}: {output:?}");
    }
    for words in [&["explain", "a", "/", &path][..], &["explain", "--config", &path, "a", "/"]] {
        assert!(fosse(words).status.success(), "{words:?}");
    }
    for command in ["status", "audit", "reload"] {
        for words in [&[command, &path][..], &[command, "--config", &path]] {
            let said = String::from_utf8_lossy(&fosse(words).stderr).into_owned();
            assert!(
                said.contains("no edge runs with its status socket at /nonexistent/status.sock"),
                "{words:?}: {said}"
            );
        }
    }
    for words in [&["up", "/nonexistent.toml"][..], &["up", "--config", "/nonexistent.toml"]] {
        let output = fosse(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("there is no /nonexistent.toml"), "{words:?}: {said}");
        assert_eq!(output.status.code(), Some(100), "{words:?}: {said}");
    }
    let said = refused(&["check", &path, "--config", &path]);
    assert!(said.contains("named twice"), "{said}");
}

#[test]
fn up_speaks_of_its_flags_and_not_of_a_configuration() {
    for (words, expected) in [
        (
            ["--listen", "8080", "--backend", "https://127.0.0.1:1"],
            "--backend 'https://127.0.0.1:1': TLS to servers is for",
        ),
        (["--listen", "*:80", "--backend", "unix:/a"], "--listen '*:80': write 0.0.0.0:80"),
        (["--listen", ":0", "--backend", "unix:/a"], "--listen '0' is no port"),
        (["--listen", "127.0.0.1:8080", "--backend", "app:80"], "--backend 'app:80': names are not looked up"),
        (["--listen", "127.0.0.1:8080", "--backend", "0.0.0.0:80"], "--backend: 0.0.0.0:80 is not the address"),
        (["--listen", "unix:@a", "--backend", "unix:/a"], "--listen \"@a\" is an abstract socket"),
    ] {
        let said = refused(&[&["up"][..], &words].concat());
        assert!(said.starts_with(&format!("fosse: usage: {expected}")), "{words:?}: {said}");
    }
    let sizes = |size| {
        refused(&["up", "--listen", "unix:/a", "--backend", "unix:/b", "--status-socket", "off", "--body-max", size])
    };
    assert!(sizes("10MB").starts_with("fosse: usage: --body-max takes a number of bytes"));
    let said = sizes("1 GiB");
    assert!(said.contains("--waf off takes larger ones") && !said.contains("[limits]"), "{said}");
}

#[test]
fn up_says_what_is_wrong_with_its_flags_before_what_it_would_do_without() {
    let dir = Dir::new();
    let _another = std::os::unix::net::UnixListener::bind(dir.join("fosse-status.sock")).unwrap();
    std::fs::set_permissions(dir.join("fosse-status.sock"), std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .unwrap();
    let up = |listen: &str| {
        let mut command = Command::new(programs().join("fosse"));
        command.args(["up", "--listen", listen, "--backend", "unix:/a", "--lanes", "0"]);
        command.env("XDG_RUNTIME_DIR", dir.path()).stdin(Stdio::null());
        // An ordinary user, whose socket has a place that is not the machine's.
        if fosse_harness::is_root() {
            std::os::unix::process::CommandExt::uid(&mut command, 65_534);
        }
        String::from_utf8_lossy(&command.output().unwrap().stderr).into_owned()
    };
    for listen in ["*:80", "unix:@a", "127.0.0.1:8080"] {
        let said = up(listen);
        assert!(said.starts_with("fosse: usage: ") && !said.contains("another edge serves"), "{listen}: {said}");
    }
}

#[test]
fn up_says_who_has_its_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = fosse(&["up", "--listen", &address, "--backend", "unix:/run/app.sock", "--status-socket", "off"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(said.contains(&format!("{address}: it is in use by ")), "{said}");
}

#[test]
fn up_says_who_may_listen_on_a_low_port() {
    use std::os::unix::process::CommandExt as _;

    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if !fosse_harness::is_root() || first.trim().parse::<u16>().unwrap() <= 1 {
        println!("skipped: needs root, and low ports that are root's");
        return;
    }
    let mut command = Command::new(programs().join("fosse"));
    command.args(["up", "--listen", ":1", "--backend", "unix:/run/app.sock", "--status-socket", "off"]).uid(65534);
    let output = command.current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(said.contains("127.0.0.1:1: ") && said.contains("CAP_NET_BIND_SERVICE"), "{said}");
}

#[test]
fn up_says_what_it_serves_where_with_which_rules() {
    let backend = fosse_harness::Backend::start();
    let edge = fosse_harness::Edge::up(&backend.address(), &["--waf", "detect"]);
    let expected = format!(
        "fosse: info: starting http://{} -> {}, rules: built-in, detect\n",
        edge.address(),
        if backend.address().starts_with("unix:") {
            backend.address()
        } else {
            format!("http://{}", backend.address())
        }
    );
    assert!(edge.log().contains(&expected), "{expected}{}", edge.log());
}
