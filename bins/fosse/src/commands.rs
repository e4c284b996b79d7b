//! The commands and their flags: one row each, from which the reader of the command line, the help
//! and the completions of three shells are made, so that none of them can contradict the others.

/// The value of a flag, or a word that is not a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing: the flag is there or not.
    Nothing,
    /// Any text; the help shows the name.
    Text(&'static str),
    /// A path.
    Path(&'static str),
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Takes {
    /// Returns its form in the help.
    #[must_use]
    pub(crate) fn shown(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(name) | Self::Path(name) => name.to_owned(),
            Self::Word(words) => words.join("|"),
        }
    }

    /// Returns whether it may be given several times: its name ends with three dots.
    #[must_use]
    pub(crate) const fn repeats(self) -> bool {
        match self {
            Self::Text(name) | Self::Path(name) => matches!(name.as_bytes(), [.., b'.', b'.', b'.']),
            Self::Nothing | Self::Word(_) => false,
        }
    }
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    /// With its dashes.
    pub name: &'static str,
    /// Its value.
    pub takes: Takes,
    /// One line.
    pub help: &'static str,
}

/// One word that is not a flag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Positional {
    /// Its value.
    pub takes: Takes,
    /// The command cannot do without.
    pub needed: bool,
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Words after it.
    pub words: &'static [Positional],
    /// Its flags.
    pub flags: &'static [Flag],
    /// Further help; whole lines.
    pub about: &'static str,
}

impl Command {
    /// Returns its flag of that name.
    #[must_use]
    pub(crate) fn flag(&self, name: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }
}

/// Returns the command of that name.
#[must_use]
pub(crate) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// The actions of `fosse rules`.
pub(crate) const RULES_ACTIONS: &[&str] = &["check", "explain", "test", "bench", "from"];

const CONFIG: Flag =
    Flag { name: "--config", takes: Takes::Path("FILE"), help: "the configuration [/etc/fosse/fosse.toml]" };
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
    help: "directory of rule files and address lists [that of the configuration]",
};
const LOG_DIR: Flag = Flag {
    name: "--log-dir",
    takes: Takes::Path("DIR"),
    help: "directory of the access and audit logs that a configuration names [/var/log/fosse]",
};
const SANDBOX_STRICT: Flag = Flag {
    name: "--sandbox-strict",
    takes: Takes::Nothing,
    help: "refuse to run on a kernel that lacks a part of the sandbox",
};
const SANDBOX_TRAP: Flag = Flag {
    name: "--sandbox-trap",
    takes: Takes::Nothing,
    help: "for development: print the name of a forbidden system call",
};
const NO_SANDBOX: Flag = Flag { name: "--no-sandbox", takes: Takes::Nothing, help: "for debugging: no sandbox at all" };
const HELP: Flag = Flag { name: "--help", takes: Takes::Nothing, help: "show this help" };

/// The commands, in the order of the help.
pub(crate) const COMMANDS: &[Command] = &[
    Command {
        name: "up",
        summary: "run the whole edge in the foreground",
        words: &[],
        flags: &[
            Flag {
                name: "--listen",
                takes: Takes::Text("ADDR"),
                help: "accept clients on IP:PORT or unix:PATH; naming a public address is consent to it",
            },
            Flag {
                name: "--backend",
                takes: Takes::Text("unix:PATH|HOST:PORT"),
                help: "the application; naming another machine is consent to it",
            },
            Flag {
                name: "--waf",
                takes: Takes::Word(&["off", "detect", "block"]),
                help: "mode of the firewall [block]",
            },
            Flag {
                name: "--rules",
                takes: Takes::Path("PATH"),
                help: "rule files in SecLang, or the directory of a Core Rule Set [builtin]",
            },
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
            Flag { name: "--tls-cert", takes: Takes::Path("FILE"), help: "certificate chain (not in this version)" },
            Flag { name: "--tls-key", takes: Takes::Path("FILE"), help: "its private key (not in this version)" },
            Flag { name: "--lanes", takes: Takes::Text("N"), help: "lanes, each pinned to a core [one per core]" },
            Flag { name: "--config", takes: Takes::Path("FILE"), help: "a configuration, in place of all flags above" },
            Flag {
                name: "--status-socket",
                takes: Takes::Path("PATH"),
                help: "where fosse status asks, or \"off\" [/run/fosse/status.sock as root]",
            },
            PROGRAMS,
            DIR,
            LOG_DIR,
            Flag {
                name: "--ready-fd",
                takes: Takes::Text("N"),
                help: "descriptor that gets a newline when all is ready",
            },
            SANDBOX_STRICT,
            SANDBOX_TRAP,
            NO_SANDBOX,
            HELP,
        ],
        about: "One site for all hosts, without a configuration file:\n  \
                fosse up --listen 127.0.0.1:8080 --backend unix:/run/app.sock\n\
                This process becomes fosse-start: SIGTERM lets requests finish and ends it, SIGHUP reloads.\n",
    },
    Command {
        name: "check",
        summary: "check a configuration",
        words: &[Positional { takes: Takes::Path("FILE"), needed: false }],
        flags: &[PROGRAMS, DIR, LOG_DIR, SANDBOX_STRICT, SANDBOX_TRAP, NO_SANDBOX, HELP],
        about: "Does what a start does, up to where something would be served: compiles the configuration, reads the\n\
                rule files and address lists it names, compiles the rules. Give it the options of the start. Shows\n\
                every mistake with its line, or what the configuration serves. \"-\" is the standard input.\n\
                Exit status 0 where it is right, 100 where it is not, 111 where it could not be checked now.\n",
    },
    Command {
        name: "status",
        summary: "show what a running edge does",
        words: &[],
        flags: &[
            Flag { name: "--json", takes: Takes::Nothing, help: "everything, as JSON" },
            Flag { name: "--watch", takes: Takes::Nothing, help: "again every second" },
            STATUS_SOCKET,
            HELP,
        ],
        about: "Prometheus reads the same counters: curl --unix-socket PATH http://localhost/metrics\n",
    },
    Command {
        name: "audit",
        summary: "compare every process of a running edge with what it may be",
        words: &[],
        flags: &[
            Flag {
                name: "--pid",
                takes: Takes::Text("PID"),
                help: "the fosse-start to audit [that of the status socket]",
            },
            STATUS_SOCKET,
            HELP,
        ],
        about: "Looks at UIDs, groups, capabilities, no_new_privs, seccomp, namespaces, memory protection and\n\
                descriptors by type, as the kernel shows them. Needs root for an edge of root.\n\
                Exit status 0 where all is as it should be, 1 where anything differs.\n",
    },
    Command {
        name: "explain",
        summary: "show what becomes of a request",
        words: &[
            Positional { takes: Takes::Text("HOST"), needed: true },
            Positional { takes: Takes::Text("PATH"), needed: true },
        ],
        flags: &[CONFIG, HELP],
        about: "Which site takes it, which filters see it, which backend serves it, and why.\n",
    },
    Command {
        name: "reload",
        summary: "put a changed configuration in force",
        words: &[],
        flags: &[
            Flag {
                name: "--pid",
                takes: Takes::Text("PID"),
                help: "the fosse-start that is to reload [that of the status socket]",
            },
            STATUS_SOCKET,
            HELP,
        ],
        about: "Checks what would be reloaded, as fosse check does; then sends SIGHUP to the running fosse-start and\n\
                waits until it says how that ended. A configuration with a mistake changes nothing.\n\
                Exit status 0 where the new one serves, 100 where it is wrong, 111 where it failed for another reason.\n",
    },
    Command {
        name: "rules",
        summary: "check, explain, test and measure rules",
        words: &[
            Positional { takes: Takes::Word(RULES_ACTIONS), needed: true },
            Positional { takes: Takes::Path("PATH..."), needed: false },
        ],
        flags: &[
            Flag {
                name: "--rules",
                takes: Takes::Path("PATH"),
                help: "a file, a directory, a Core Rule Set, or \"builtin\" [builtin]",
            },
            Flag {
                name: "--request",
                takes: Takes::Path("FILE"),
                help: "explain: a request as a client sends it, or \"-\"",
            },
            Flag { name: "--paranoia", takes: Takes::Text("N"), help: "explain: the paranoia level, 1 to 4" },
            Flag { name: "--url", takes: Takes::Text("URL"), help: "test: a server to run the tests against" },
            Flag { name: "--log", takes: Takes::Path("FILE"), help: "test: the log of that server" },
            Flag {
                name: "--overrides",
                takes: Takes::Path("FILE"),
                help: "test: what is expected otherwise, and why, in the format of go-ftw",
            },
            HELP,
        ],
        about: "check PATH...      every mistake with its place, or what the rules are made of and cost\n\
                explain            every rule that matches a request, on what value, and the score so far\n\
                test PATH          run go-ftw tests with --rules in this process, or against --url\n\
                bench              CPU time of one request, for several kinds of requests\n\
                from PATH          the lines of fosse.toml that use a rule set as it lies on the disk\n\
                Exit status 0, 1 for a denied request or a failed test, 100 for rules with a mistake.\n",
    },
    Command { name: "version", summary: "show the version", words: &[], flags: &[HELP], about: "" },
    Command {
        name: "help",
        summary: "show help, for fosse or for one command",
        words: &[Positional { takes: Takes::Text("COMMAND"), needed: false }],
        flags: &[Flag {
            name: "--completions",
            takes: Takes::Word(&["bash", "zsh", "fish"]),
            help: "print completions for a shell",
        }],
        about: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_every_help_is_one_line() {
        for (at, command) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..at].iter().all(|other| other.name != command.name), "{}", command.name);
            for (at, flag) in command.flags.iter().enumerate() {
                assert!(flag.name.starts_with("--") && !flag.help.contains('\n'), "{}", flag.name);
                assert!(command.flags[..at].iter().all(|other| other.name != flag.name), "{}", flag.name);
            }
        }
    }

    #[test]
    fn the_manual_page_names_every_command_and_every_flag() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/fosse.1")).unwrap();
        for command in COMMANDS {
            assert!(page.contains(&format!("Cm {}", command.name)), "{}", command.name);
            for flag in command.flags.iter().filter(|flag| flag.name != "--help") {
                assert!(page.contains(&format!("Fl -{}", &flag.name[2..])), "{} {}", command.name, flag.name);
            }
        }
    }
}
