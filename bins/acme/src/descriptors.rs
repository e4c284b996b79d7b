//! The descriptors that acme inherits.

use fosse_inherit::{Expected, FILE, LINES, MEMORY, MESSAGES};

/// Those of every process, of the orders, and two files for each authority: the roots (`ca_file`)
/// and the key that binds its account (`key_file`).
pub const DESCRIPTORS: [Expected; 25] = [
    Expected::required(2, LINES, "log"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::required(7, MESSAGES, "start"),
    Expected::required(8, MESSAGES, "sockets from connect"),
    Expected::required(9, FILE, "file of the state"),
    Expected::optional(10, MESSAGES, "connections with questions over HTTP"),
    Expected::optional(11, MEMORY, "page of renewals"),
    Expected::optional(12, MESSAGES, "connections of authorities that shake hands"),
    Expected::required(16, FILE, "roots of the first authority"),
    Expected::optional(17, FILE, "roots of the second"),
    Expected::optional(18, FILE, "roots of the third"),
    Expected::optional(19, FILE, "roots of the fourth"),
    Expected::optional(20, FILE, "roots of the fifth"),
    Expected::optional(21, FILE, "roots of the sixth"),
    Expected::optional(22, FILE, "roots of the seventh"),
    Expected::optional(23, FILE, "roots of the eighth"),
    Expected::optional(24, FILE, "key that binds the account at the first"),
    Expected::optional(25, FILE, "key that binds the account at the second"),
    Expected::optional(26, FILE, "key that binds the account at the third"),
    Expected::optional(27, FILE, "key that binds the account at the fourth"),
    Expected::optional(28, FILE, "key that binds the account at the fifth"),
    Expected::optional(29, FILE, "key that binds the account at the sixth"),
    Expected::optional(30, FILE, "key that binds the account at the seventh"),
    Expected::optional(31, FILE, "key that binds the account at the eighth"),
];
