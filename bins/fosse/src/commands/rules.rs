//! The commands about rules.

use fosse_args::{Flag, HELP, Positional, Takes, Usage};

use super::RULES;

const RULES_CHECK: Usage = Usage {
    name: "check",
    summary: "every mistake with its place, or what the rules are made of and cost",
    words: &[Positional::same_as(&RULES)],
    flags: &[RULES, HELP],
    ..Usage::NOTHING
};

const RULES_EXPLAIN: Usage = Usage {
    name: "explain",
    summary: "every rule that matches a request, on what value, and the score so far",
    words: &[Positional::same_as(&RULES)],
    flags: &[
        RULES,
        Flag { name: "--request", takes: Takes::Path("FILE"), help: "a request as a client sends it, or \"-\"" },
        Flag { name: "--paranoia", takes: Takes::Text("N"), help: "the paranoia level, 1 to 4" },
        HELP,
    ],
    about: "Exit status 1 where the request is denied.\n",
    ..Usage::NOTHING
};

const RULES_TEST: Usage = Usage {
    name: "test",
    summary: "run go-ftw tests in this process, or against a server",
    words: &[Positional::needed(Takes::Path("TESTS"))],
    flags: &[
        RULES,
        Flag { name: "--url", takes: Takes::Text("URL"), help: "a server to run the tests against" },
        Flag { name: "--log", takes: Takes::Path("FILE"), help: "the log of that server" },
        Flag {
            name: "--overrides",
            takes: Takes::Path("FILE"),
            help: "what is expected otherwise, and why, in the format of go-ftw",
        },
        HELP,
    ],
    about: "Exit status 1 where a test fails.\n",
    ..Usage::NOTHING
};

const RULES_BENCH: Usage = Usage {
    name: "bench",
    summary: "CPU time of one request, for several kinds of requests",
    words: &[Positional::same_as(&RULES)],
    flags: &[RULES, HELP],
    ..Usage::NOTHING
};

const RULES_FROM: Usage = Usage {
    name: "from",
    summary: "the lines of fosse.toml that use a rule set as it lies on the disk",
    words: &[Positional::same_as(&RULES)],
    flags: &[RULES, HELP],
    ..Usage::NOTHING
};

pub(super) const RULES_COMMANDS: Usage = Usage {
    name: "rules",
    summary: "check, explain, test and measure rules",
    commands: &[RULES_CHECK, RULES_EXPLAIN, RULES_TEST, RULES_BENCH, RULES_FROM],
    elsewhere: &[("validate", "did you mean check?"), ("lint", "did you mean check?")],
    ..Usage::NOTHING
};
