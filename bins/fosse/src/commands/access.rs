//! The commands about who is let in.

use fosse_args::{Flag, HELP, Positional, Takes, Usage};

use super::{CONFIG, DIR};

pub(super) const PASSWORD: Usage = Usage {
    name: "password",
    summary: "make the line of a user for basic_auth",
    words: &[Positional::needed(Takes::Text("NAME"))],
    flags: &[
        Flag { name: "--bcrypt", takes: Takes::Text("COST"), help: "a hash of bcrypt, in place of Argon2id" },
        HELP,
    ],
    about: "Asks for the password on the terminal, or reads a line of the standard input, and prints NAME:HASH.\n",
    ..Usage::NOTHING
};

pub(super) const SIGN: Usage = Usage {
    name: "sign",
    summary: "make a link that signed_links lets in",
    words: &[Positional::needed(Takes::Text("URL")), Positional::same_as(&CONFIG)],
    flags: &[
        Flag { name: "--seconds", takes: Takes::Text("N"), help: "time that it is good for [3600]" },
        Flag { name: "--client", takes: Takes::Text("ADDRESS"), help: "whom it is for, where bind_client is set" },
        CONFIG,
        DIR,
        HELP,
    ],
    about: "Signs with the first key of the site or route that takes the URL, which this user must be able to read.\n",
    ..Usage::NOTHING
};
