//! The commands that change a running edge.

use fosse_args::{Flag, HELP, Positional, Takes, Usage};

use super::{CONFIG_OF_EDGE, DIR_OF_EDGE, STATUS_SOCKET};

const SERVER: Positional = Positional::needed(Takes::Text("SERVER"));

pub(super) const DRAIN: Usage = Usage {
    name: "drain",
    summary: "give a server no new clients",
    words: &[SERVER, Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[CONFIG_OF_EDGE, DIR_OF_EDGE, STATUS_SOCKET, HELP],
    about: "SERVER is BACKEND/ADDRESS as fosse status shows it, or an address that one backend alone has. What is\n\
            under way ends, idle connections are closed; clients that belong to it by their cookie, or are logged in\n\
            over a connection of it, stay. It is so until fosse ready, over reloads and an upgrade.\n",
    ..Usage::NOTHING
};

pub(super) const READY: Usage = Usage {
    name: "ready",
    summary: "give a server clients again that was drained",
    words: &[SERVER, Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[CONFIG_OF_EDGE, DIR_OF_EDGE, STATUS_SOCKET, HELP],
    about: "Its share of the requests grows for slow_start_seconds.\n",
    ..Usage::NOTHING
};

pub(super) const WEIGHT: Usage = Usage {
    name: "weight",
    summary: "give a server another part of the requests",
    words: &[SERVER, Positional::needed(Takes::Text("WEIGHT")), Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[CONFIG_OF_EDGE, DIR_OF_EDGE, STATUS_SOCKET, HELP],
    about: "WEIGHT is a number of 0 to 256 in place of that of the configuration, over reloads and an upgrade, or\n\
            \"default\" for that of the configuration again.\n",
    ..Usage::NOTHING
};

pub(super) const PURGE: Usage = Usage {
    name: "purge",
    summary: "let kept responses go",
    words: &[Positional::optional(Takes::Text("URL"))],
    flags: &[
        Flag { name: "--prefix", takes: Takes::Text("URL"), help: "all whose URLs begin so" },
        Flag {
            name: "--tag",
            takes: Takes::Text("TAG"),
            help: "all that have it among those of Cache-Tag or Surrogate-Key",
        },
        Flag { name: "--all", takes: Takes::Nothing, help: "all" },
        Flag { name: "--site", takes: Takes::Text("HOST"), help: "with --tag or --all: those of this host alone" },
        CONFIG_OF_EDGE,
        DIR_OF_EDGE,
        STATUS_SOCKET,
        HELP,
    ],
    about: "URL is one that clients ask for, whatever else is in the key; its scheme does not matter, its port where it\n\
            has one. With cache_key_query it has the parameters that are in the key, and no others. Says how many\n\
            responses have gone once none of them is sent any more; what is being asked for meanwhile is not kept.\n",
    ..Usage::NOTHING
};

pub(super) const CERTS: Usage = Usage {
    name: "certs",
    summary: "show the certificates of a running edge, or have their files read again",
    words: &[Positional::optional(Takes::Word(&["reload"]))],
    flags: &[
        Flag { name: "--json", takes: Takes::Nothing, help: "as JSON" },
        CONFIG_OF_EDGE,
        DIR_OF_EDGE,
        STATUS_SOCKET,
        HELP,
    ],
    about: "One line for each, the first to end first. With \"reload\" the files are read again, as after certbot has\n\
            renewed some, and every new handshake has them once it says so; no connection ends for it. Files that\n\
            are not as they should be change nothing. For root, and the user who runs the edge.\n\
            Exit status 0 where it is done, 100 where the files were refused, 111 where the edge does not respond.\n",
    ..Usage::NOTHING
};

pub(super) const RELOAD: Usage = Usage {
    name: "reload",
    summary: "put a changed configuration in force",
    words: &[Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[
        Flag {
            name: "--pid",
            takes: Takes::Text("PID"),
            help: "the fosse-start that is to reload [that of the status socket]",
        },
        CONFIG_OF_EDGE,
        DIR_OF_EDGE,
        STATUS_SOCKET,
        HELP,
    ],
    about: "Checks what would be reloaded, as fosse check does; then sends SIGHUP to the running fosse-start and\n\
            waits until it says how that ended. A configuration with a mistake changes nothing.\n\
            Exit status 0 where the new one serves, 100 where it is wrong, 111 where it failed for another reason.\n",
    ..Usage::NOTHING
};

pub(super) const REOPEN: Usage = Usage {
    name: "reopen",
    summary: "open the log files again, after they were renamed",
    words: &[Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[CONFIG_OF_EDGE, DIR_OF_EDGE, STATUS_SOCKET, HELP],
    about: "Sends SIGUSR1 to the running fosse-start, as logrotate does after it has renamed the access and audit logs.\n\
            A reload opens them again, too.\n",
    ..Usage::NOTHING
};

pub(super) const CONNECTIONS: Usage = Usage {
    name: "connections",
    summary: "show the connections of clients",
    words: &[Positional::same_as(&CONFIG_OF_EDGE)],
    flags: &[
        Flag { name: "--client", takes: Takes::Text("NETWORK"), help: "those of this network or address [all]" },
        Flag { name: "--site", takes: Takes::Text("SITE"), help: "those with a request for this site [all]" },
        Flag { name: "--json", takes: Takes::Nothing, help: "as JSON" },
        CONFIG_OF_EDGE,
        DIR_OF_EDGE,
        STATUS_SOCKET,
        HELP,
    ],
    about: "One line for each, the oldest first: its number, its client, what it does, and its request, without the\n\
            query. For root, and the user who runs the edge.\n",
    ..Usage::NOTHING
};

pub(super) const DISCONNECT: Usage = Usage {
    name: "disconnect",
    summary: "end a connection of a client, or all of a network",
    words: &[Positional::optional(Takes::Text("ID"))],
    flags: &[
        Flag { name: "--client", takes: Takes::Text("NETWORK"), help: "all of this network or address" },
        CONFIG_OF_EDGE,
        DIR_OF_EDGE,
        STATUS_SOCKET,
        HELP,
    ],
    about: "ID is the number that fosse connections shows. A response that is on its way ends in a reset. For root, and\n\
            the user who runs the edge. It keeps nobody out: a deny list does.\n",
    ..Usage::NOTHING
};
