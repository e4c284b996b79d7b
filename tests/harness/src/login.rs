//! A login that is bound to a connection, as NTLM's and Negotiate's are.

/// Who has logged in over one connection. What the field Authorization says:
///
/// - `NTLM one` begins a handshake, and gets 401 and `NTLM two`;
/// - `NTLM three-NAME` ends it, and everything over this connection is NAME's from then on; without
///   a handshake before it, it is refused;
/// - `Negotiate NAME` logs in at once, and gets `Persistent-Auth: true`.
#[derive(Debug, Default)]
pub(crate) struct Login {
    challenged: bool,
    user: Option<String>,
}

const CHALLENGES: &str = "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM, Basic realm=\"old, and not NTLM\"\r\n";

impl Login {
    /// Returns status and header lines for a request with this Authorization.
    pub(crate) fn respond(&mut self, authorization: Option<&str>) -> (usize, String) {
        let begun = std::mem::take(&mut self.challenged);
        match authorization {
            Some("NTLM one") => {
                self.challenged = true;
                self.user = None;
                return (401, "WWW-Authenticate: NTLM two\r\n".to_owned());
            }
            Some(word) if word.starts_with("NTLM three-") && begun => {
                self.user = word.strip_prefix("NTLM three-").map(str::to_owned);
            }
            Some(word) if word.starts_with("Negotiate ") => {
                self.user = word.strip_prefix("Negotiate ").map(str::to_owned);
                return (200, format!("{}Persistent-Auth: true\r\n", self.user()));
            }
            Some(_) => self.user = None,
            None => {}
        }
        if self.user.is_some() { (200, self.user()) } else { (401, CHALLENGES.to_owned()) }
    }

    fn user(&self) -> String {
        self.user.as_ref().map(|user| format!("X-User: {user}\r\n")).unwrap_or_default()
    }
}
