//! The results of running a phase.

/// The rules' decision, so far or final.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The phase is over and no rule objects.
    Continue,
    /// A rule denies: the client gets this status.
    Deny {
        /// The HTTP status.
        status: u16,
        /// The rule that decided.
        rule: u32,
    },
    /// A rule closes the connection without a response.
    Drop {
        /// The rule that decided.
        rule: u32,
    },
    /// A rule sends the client elsewhere.
    Redirect {
        /// The HTTP status: 301, 302, 303 or 307; 302 where the rule names none.
        status: u16,
        /// The value of the Location header, as the rule gives it.
        location: Vec<u8>,
        /// The rule that decided.
        rule: u32,
    },
    /// The schedule asked to yield; call the same phase again.
    Yield,
    /// A persistent record is on its way (see [`Transaction::wanted`](crate::Transaction::wanted));
    /// call the same phase again when it is provided.
    Wait,
    /// The transaction used up its budget.
    BudgetExceeded,
}

/// The result of giving a piece of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// It is buffered for the rules.
    All,
    /// The limit is reached: what is over it passes unseen, as the site says
    /// (SecRequestBodyLimitAction ProcessPartial).
    Part,
    /// The limit is reached and the body is to be refused: 413 for a request.
    Refused,
}
