//! The commands and their options: one row each, from which the reader of the command line, the
//! help and the completions of three shells are made, so that none of them can contradict the
//! others.

mod access;
mod rules;
mod running;
mod written;

use fosse_args::{Flag, HELP, NO_SANDBOX, Positional, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};

use self::{
    access::{PASSWORD, SIGN},
    rules::RULES_COMMANDS,
    running::{CERTS, CONNECTIONS, DISCONNECT, DRAIN, PURGE, READY, RELOAD, REOPEN, WEIGHT},
};

const CONFIG: Flag =
    Flag { name: "--config", takes: Takes::Path("FILE"), help: "the configuration [/etc/fosse/fosse.toml]" };
const CONFIG_OF_EDGE: Flag = Flag {
    name: "--config",
    takes: Takes::Path("FILE"),
    help: "the edge of this configuration: the status socket that it names",
};
const STATUS_SOCKET: Flag = Flag {
    name: "--status-socket",
    takes: Takes::Path("PATH"),
    help: "the socket of fosse-status [/run/fosse/status.sock, or fosse-status.sock in XDG_RUNTIME_DIR]",
};
const PROGRAMS: Flag = Flag {
    name: "--programs",
    takes: Takes::Path("DIR"),
    help: "the programs of the edge [beside fosse, or /usr/libexec/fosse]",
};
const DIR: Flag = Flag {
    name: "--dir",
    takes: Takes::Path("DIR..."),
    help: "directory of rule files, address lists and included files [that of the configuration]",
};
const DIR_OF_EDGE: Flag = Flag {
    name: "--dir",
    takes: Takes::Path("DIR..."),
    help: "directory of the files that this configuration includes [its own]",
};
const LOG_DIR: Flag = Flag {
    name: "--log-dir",
    takes: Takes::Path("DIR"),
    help: "directory of the access and audit logs that a configuration names [/var/log/fosse]",
};
const CERTIFICATES_DIR: Flag = Flag {
    name: "--certificates-dir",
    takes: Takes::Path("DIR"),
    help: "directory of certificates by ACME [/var/lib/fosse/certificates]",
};
const RULES: Flag = Flag {
    name: "--rules",
    takes: Takes::Path("PATH..."),
    help: "a file, a directory, a Core Rule Set, or \"builtin\" [builtin]",
};

const UP: Usage = Usage {
    name: "up",
    summary: "run the whole edge in the foreground",
    words: &[Positional::same_as(&CONFIG)],
    flags: &[
        Flag {
            name: "--listen",
            takes: Takes::Text("ADDR"),
            help: "accept clients on IP:PORT, :PORT (loopback) or unix:PATH; a public address is consent to it",
        },
        Flag {
            name: "--backend",
            takes: Takes::Text("ADDR"),
            help: "the application: unix:PATH, HOST:PORT or :PORT; another machine is consent to it",
        },
        Flag { name: "--files", takes: Takes::Path("DIR"), help: "a directory to serve, in place of an application" },
        Flag { name: "--waf", takes: Takes::Word(&["off", "detect", "block"]), help: "mode of the firewall [block]" },
        Flag {
            name: "--rules",
            takes: Takes::Path("PATH..."),
            help: "rule files in SecLang, or the directory of a Core Rule Set [builtin]",
        },
        Flag {
            name: "--methods",
            takes: Takes::Text("METHOD..."),
            help: "methods beside those of a site without this option, or \"webdav\"",
        },
        Flag { name: "--body-max", takes: Takes::Text("SIZE"), help: "largest request body, like \"64 MiB\" [1 MiB]" },
        Flag {
            name: "--audit-log",
            takes: Takes::Path("FILE"),
            help: "a line of JSON for each request in which rules matched [none]",
        },
        Flag {
            name: "--inspect-responses",
            takes: Takes::Nothing,
            help: "the rules see responses too: bodies are buffered until they are evaluated",
        },
        Flag {
            name: "--tls-cert",
            takes: Takes::Path("FILE"),
            help: "serve over TLS: the certificate, with its chain",
        },
        Flag { name: "--tls-key", takes: Takes::Path("FILE"), help: "its private key" },
        Flag { name: "--lanes", takes: Takes::Text("N"), help: "lanes, each pinned to a core [one per core]" },
        Flag { name: "--config", takes: Takes::Path("FILE"), help: "a configuration, in place of all options above" },
        Flag {
            name: "--status-socket",
            takes: Takes::Path("PATH"),
            help: "where fosse status asks, or \"off\" [/run/fosse/status.sock as root]",
        },
        PROGRAMS,
        DIR,
        LOG_DIR,
        CERTIFICATES_DIR,
        Flag { name: "--ready-fd", takes: Takes::Text("N"), help: "descriptor that gets a newline when all is ready" },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
        HELP,
    ],
    about: "One site for all hosts, without a configuration file:\n  \
            fosse up --listen 127.0.0.1:8080 --backend unix:/run/app.sock\n\
            This process becomes fosse-start: SIGTERM lets requests finish and ends it, SIGHUP reloads.\n",
    ..Usage::NOTHING
};

const CHECK: Usage = Usage {
    name: "check",
    summary: "check a configuration",
    words: &[Positional::same_as(&CONFIG)],
    flags: &[CONFIG, PROGRAMS, DIR, LOG_DIR, CERTIFICATES_DIR, SANDBOX_STRICT, SANDBOX_TRAP, NO_SANDBOX, HELP],
    about: "Does what a start does, up to where something would be served: compiles the configuration, reads the\n\
            rule files and address lists it names, compiles the rules. Give it the options of the start. Shows\n\
            every mistake with its line, or what the configuration serves. \"-\" is the standard input.\n\
            Exit status 0 where it is right, 100 where it is not, 111 where it could not be checked now.\n",
    ..Usage::NOTHING
};

/// Orders of the tables of `fosse status`.
const ORDERS: &[&str] = &["requests", "4xx", "5xx", "p99", "name"];

const STATUS: Usage = Usage {
    name: "status",
    summary: "show what a running edge does",
    words: &[Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[
        Flag { name: "--all", takes: Takes::Nothing, help: "every site, backend, lane and counter beside the summary" },
        Flag { name: "--json", takes: Takes::Nothing, help: "everything, as JSON" },
        Flag {
            name: "--watch",
            takes: Takes::Nothing,
            help: "again every second; on a terminal keys change the order, q quits",
        },
        Flag { name: "--sort", takes: Takes::Word(ORDERS), help: "order of sites and backends [requests]" },
        CONFIG_OF_EDGE,
        DIR_OF_EDGE,
        STATUS_SOCKET,
        HELP,
    ],
    about: "Prometheus reads the same counters: curl --unix-socket PATH http://localhost/metrics\n",
    ..Usage::NOTHING
};

const AUDIT: Usage = Usage {
    name: "audit",
    summary: "compare every process of a running edge with what it may be",
    words: &[Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[
        Flag { name: "--pid", takes: Takes::Text("PID"), help: "the fosse-start to audit [that of the status socket]" },
        CONFIG_OF_EDGE,
        DIR_OF_EDGE,
        STATUS_SOCKET,
        HELP,
    ],
    about: "Looks at UIDs, groups, capabilities, no_new_privs, seccomp, namespaces, memory protection and\n\
            descriptors by type, as the kernel shows them. Needs root for an edge of root.\n\
            Exit status 0 where all is as it should be, 1 where anything differs, 2 where nothing does as far as\n\
            this user may look.\n",
    ..Usage::NOTHING
};

const DOCTOR: Usage = Usage {
    name: "doctor",
    summary: "look for what keeps requests from their application",
    words: &[Positional::same_as(&CONFIG)],
    flags: &[CONFIG, STATUS_SOCKET, PROGRAMS, DIR, LOG_DIR, HELP],
    about: "Checks the configuration, that of the running edge or of the start to come; whether its ports are free;\n\
            whether each server of its backends lets the edge in and takes a connection; how the last reload ended;\n\
            and every process of the edge. Each problem has its cure. Changes nothing.\n\
            Exit status 0 where there is no problem, 1 where there is one.\n",
    ..Usage::NOTHING
};

const EXPLAIN: Usage = Usage {
    name: "explain",
    summary: "show what becomes of a request",
    words: &[
        Positional::needed(Takes::Text("HOST")),
        Positional::needed(Takes::Text("PATH")),
        Positional::same_as(&CONFIG),
    ],
    flags: &[
        CONFIG,
        DIR,
        Flag { name: "--method", takes: Takes::Text("METHOD"), help: "of the request [GET]" },
        Flag { name: "--header", takes: Takes::Text("LINE..."), help: "a header of the request, \"NAME: VALUE\"" },
        Flag { name: "--client", takes: Takes::Text("ADDRESS"), help: "whose request it is" },
        Flag { name: "--listener", takes: Takes::Text("NAME"), help: "where it comes, by address or name [the first]" },
        HELP,
    ],
    about: "Which site and which route take it and why, what is changed, which filters see it, and where it goes.\n",
    ..Usage::NOTHING
};

const VERSION: Usage = Usage { name: "version", summary: "show the version", flags: &[HELP], ..Usage::NOTHING };

const HELP_COMMAND: Usage = Usage {
    name: "help",
    summary: "show help, for fosse or for one command",
    words: &[Positional::optional(Takes::Text("COMMAND..."))],
    flags: &[Flag {
        name: "--completions",
        takes: Takes::Word(&["bash", "zsh", "fish"]),
        help: "print completions for a shell",
    }],
    ..Usage::NOTHING
};

/// Ends what a supervisor has started, in its words.
const STOPS: &str = "who started the edge ends it: systemctl stop fosse, sv down fosse, svc -d or s6-svc -d DIRECTORY; \
    Control-C where fosse up runs";
/// Restarts what a supervisor has started.
const RESTARTS: &str = "fosse reload puts a changed configuration in force without a lost request; a restart is \
    systemctl restart fosse, sv restart fosse, svc -t or s6-svc -r DIRECTORY";
/// Shows the log lines.
const LOGS: &str = "the supervisor has them: journalctl -u fosse, or the log directory of its service; access and \
    audit logs are in /var/log/fosse or --log-dir";

/// The whole of the command line.
pub(crate) const FOSSE: Usage = Usage {
    name: crate::PROGRAM,
    summary: "the ditch in front of a web application",
    commands: &[
        UP,
        CHECK,
        STATUS,
        AUDIT,
        DOCTOR,
        EXPLAIN,
        SIGN,
        PASSWORD,
        RELOAD,
        REOPEN,
        CERTS,
        written::FMT,
        DRAIN,
        READY,
        WEIGHT,
        PURGE,
        CONNECTIONS,
        DISCONNECT,
        written::MIGRATE,
        RULES_COMMANDS,
        VERSION,
        HELP_COMMAND,
    ],
    elsewhere: &[
        ("stop", STOPS),
        ("quit", STOPS),
        ("restart", RESTARTS),
        (
            "upgrade",
            "after make install: systemctl kill -s USR2 --kill-whom=main fosse, sv 2 fosse, or s6-svc -2 DIRECTORY",
        ),
        ("logs", LOGS),
        ("log", LOGS),
        ("certificates", "did you mean certs?"),
        ("kill", "did you mean disconnect?"),
        ("sessions", "did you mean connections?"),
        ("diagnose", "did you mean doctor?"),
        ("start", "did you mean up?"),
        ("run", "did you mean up?"),
        ("serve", "did you mean up?"),
        ("validate", "did you mean check?"),
        ("configtest", "did you mean check?"),
        ("format", "did you mean fmt?"),
        ("test", "did you mean check, or rules test?"),
    ],
    about: "fosse help COMMAND shows what a command takes; fosse(1) is the manual.\n",
    ..Usage::NOTHING
};

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves() -> impl Iterator<Item = &'static Usage> {
        let below = |usage: &'static Usage| match usage.commands {
            [] => std::slice::from_ref(usage),
            commands => commands,
        };
        FOSSE.commands.iter().flat_map(below)
    }

    #[test]
    fn every_name_is_there_once_and_every_help_is_one_line() {
        for commands in [FOSSE.commands, RULES_COMMANDS.commands] {
            for (at, command) in commands.iter().enumerate() {
                assert!(commands[..at].iter().all(|other| other.name != command.name), "{}", command.name);
            }
        }
        for command in leaves() {
            for (at, flag) in command.flags.iter().enumerate() {
                assert!(flag.name.starts_with("--") && !flag.help.contains('\n'), "{}", flag.name);
                assert!(command.flags[..at].iter().all(|other| other.name != flag.name), "{}", flag.name);
            }
        }
    }

    #[test]
    fn a_word_that_means_an_option_stands_last_and_the_option_is_there() {
        for command in leaves() {
            let same: Vec<usize> = (0..command.words.len()).filter(|at| command.words[*at].same_as.is_some()).collect();
            assert!(same.is_empty() || same == [command.words.len() - 1], "{}", command.name);
            let flag = command.words.iter().find_map(|word| word.same_as);
            assert!(flag.is_none_or(|name| command.flag(name).is_some()), "{}", command.name);
        }
    }

    #[test]
    fn a_line_of_help_fits_a_terminal_of_130_columns() {
        for command in leaves().chain([&FOSSE, &RULES_COMMANDS]) {
            let text = fosse_args::help(command, command.name);
            assert!(text.lines().all(|line| line.len() <= 130), "{text}");
        }
    }

    #[test]
    fn the_manual_page_names_every_command_and_every_flag() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/fosse.1")).unwrap();
        for command in leaves() {
            assert!(page.contains(&format!("Cm {}", command.name)), "{}", command.name);
            for flag in command.flags.iter().filter(|flag| flag.name != "--help") {
                assert!(page.contains(&format!("Fl -{}", &flag.name[2..])), "{} {}", command.name, flag.name);
            }
        }
    }
}
