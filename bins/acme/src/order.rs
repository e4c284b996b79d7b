//! One order, from the account to the certificate that start has taken.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use fosse_settings::acme::{CertificateAuthority, Challenge};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, ExternalAccountKey,
    Identifier, KeyAuthorization, NewAccount, NewOrder, Order, OrderStatus,
};

use crate::client::Client;
use crate::desk::{Desk, Known};
use crate::limits::{CHAIN_BYTES_MAX, POLL_MS_MAX, POLL_MS_MIN, REQUEST_BYTES_MAX};
use crate::proof;

/// A certificate authority, as orders see it.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) settings: CertificateAuthority,
    /// The key that binds the account to another one.
    pub(crate) binding_key: Option<Vec<u8>>,
    pub(crate) client: Client,
}

/// The task of an order.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) desk: Desk,
    pub(crate) authority: Arc<Authority>,
    /// Number of the certificate.
    pub(crate) certificate: u16,
    pub(crate) names: Vec<String>,
    /// The certificate that it follows.
    pub(crate) replaces: Option<CertificateIdentifier<'static>>,
}

/// The making of an account. However it ends, nobody waits for it any more.
struct Asking<'a> {
    desk: &'a Desk,
    number: usize,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut desk = self.desk.open();
        if matches!(desk.accounts.get(&self.number), Some(Known::Asked)) {
            desk.accounts.insert(self.number, Known::Not);
        }
    }
}

/// The challenges that wait for the authority; with it they are forgotten.
struct Posted<'a> {
    desk: &'a Desk,
    tokens: Vec<String>,
    /// The names whose proof in a handshake is this order's.
    names: Vec<String>,
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        let mut desk = self.desk.open();
        for name in &self.names {
            desk.proofs.remove(name);
        }
        for token in &self.tokens {
            desk.tokens.remove(token);
        }
    }
}

/// The type of problem of an account that is not there (RFC 8555, section 6.7).
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
/// Another order has replaced the certificate (RFC 9773, section 7.4).
const ALREADY_REPLACED: &str = "urn:ietf:params:acme:error:alreadyReplaced";

fn problem(error: &Error) -> Option<&str> {
    if let Error::Api(problem) = error { problem.r#type.as_deref() } else { None }
}

impl Task {
    /// Orders the certificate. Comes to the reason that there is none.
    pub(crate) async fn run(self) -> Result<(), String> {
        match self.order().await {
            // The authority has lost it, or it was taken away: another one is made, once.
            Err(error) if problem(&error) == Some(NO_ACCOUNT) => {
                self.forget_account();
                self.order().await.map_err(|error| error.to_string())
            }
            result => result.map_err(|error| error.to_string()),
        }
    }

    async fn order(&self) -> Result<(), Error> {
        let account = self.account().await?;
        let identifiers: Vec<Identifier> = self.names.iter().cloned().map(Identifier::Dns).collect();
        let profile = self.authority.settings.profile.as_deref();
        let wanted = |replaces: Option<CertificateIdentifier<'static>>| {
            let order = NewOrder::new(&identifiers);
            let order = profile.iter().fold(order, |order, profile| order.profile(profile));
            replaces.into_iter().fold(order, NewOrder::replaces)
        };
        let order = account.new_order(&wanted(self.replaces.clone())).await;
        let mut order = match order {
            // It was replaced by an order whose end nobody here has seen, or it does not know of
            // such things.
            Err(error) if self.replaces.is_some() && may_be_of_replaces(&error) => {
                account.new_order(&wanted(None)).await?
            }
            order => order?,
        };
        // Kept to the end: authorities ask again, from elsewhere, when they have decided.
        let _posted = self.post(&mut order).await?;
        self.until(&mut order, &[OrderStatus::Ready, OrderStatus::Valid]).await?;
        let papers = self.desk.ask_for_key(self.certificate).await;
        let papers = papers.ok_or(Error::Str("no reply of fosse-start"))?.map_err(said)?;
        let request = read(papers.request)?;
        order.finalize_csr(&request).await?;
        self.until(&mut order, &[OrderStatus::Valid]).await?;
        let chain = order.certificate().await?.ok_or(Error::Str("no certificate"))?;
        self.hand_over(&chain, papers.chain).await
    }

    /// Returns the account, which is made where there is none.
    pub(crate) async fn account(&self) -> Result<Account, Error> {
        let number = self.authority.client.authority;
        loop {
            {
                let mut desk = self.desk.open();
                let known = desk.accounts.entry(number).or_default();
                match known {
                    Known::Account(account) => return Ok(account.clone()),
                    Known::Not => {
                        *known = Known::Asked;
                        break;
                    }
                    Known::Asked => {}
                }
            }
            // Another order asks for it.
            self.desk.sleep(POLL_MS_MIN).await;
        }
        // Given up in the middle, the next order asks.
        let asking = Asking { desk: &self.desk, number };
        let account = self.made_account().await?;
        self.desk.open().accounts.insert(number, Known::Account(account.clone()));
        drop(asking);
        Ok(account)
    }

    async fn made_account(&self) -> Result<Account, Error> {
        let settings = &self.authority.settings;
        let builder = || Account::builder_with_http(Box::new(self.authority.client.clone()));
        let kept = self.desk.open().state.account(&settings.directory).map(str::to_owned);
        if let Some(credentials) = kept.and_then(|kept| serde_json::from_str::<AccountCredentials>(&kept).ok()) {
            return builder().from_credentials(credentials).await;
        }
        let binding = settings.key_id.as_ref().zip(self.authority.binding_key.as_ref());
        let binding = binding.map(|(id, key)| ExternalAccountKey::new(id.clone(), key));
        let contact: Vec<&str> = settings.contact.iter().map(String::as_str).collect();
        let account = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder().create(&account, settings.directory.clone(), binding.as_ref()).await?;
        let credentials = serde_json::to_string(&credentials)?;
        self.desk.open().state.set_account(&settings.directory, Some(credentials));
        Ok(account)
    }

    fn forget_account(&self) {
        let mut desk = self.desk.open();
        desk.accounts.remove(&self.authority.client.authority);
        desk.state.set_account(&self.authority.settings.directory, None);
    }

    /// Responds to the challenges of all names that are not authorised yet.
    async fn post<'d>(&'d self, order: &mut Order) -> Result<Posted<'d>, Error> {
        let mut posted = self.reserve().await;
        let wanted = kind_of(self.authority.settings.challenge);
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Valid => continue,
                _ => return Err(Error::Str("an authorisation that is over")),
            }
            let name = authorization.identifier().to_string();
            let offered: Vec<&str> = authorization.challenges.iter().map(|one| word(&one.r#type)).collect();
            let offered = offered.join(", ");
            let not_offered = || said(format!("it does not offer {} for {name}, but {offered}", word(&wanted)));
            let mut challenge = authorization.challenge(wanted.clone()).ok_or_else(not_offered)?;
            // It says whose the token is: for a name that was not ordered there is no token.
            if !self.names.contains(&name) {
                return Err(said(format!("it asks for a proof for {name}, which was not ordered")));
            }
            if !is_token(&challenge.token) {
                return Err(said(format!("it sends a token for {name} that is none")));
            }
            self.expect(&name, &challenge.token, &challenge.key_authorization(), &mut posted)?;
            challenge.set_ready().await?;
        }
        Ok(posted)
    }

    /// Takes the names for this order's proofs. In a handshake an authority says a name and no
    /// token: two orders for one name, of two kinds of key or of two authorities, take turns.
    async fn reserve(&self) -> Posted<'_> {
        let mut posted = Posted { desk: &self.desk, tokens: Vec::new(), names: Vec::new() };
        if self.authority.settings.challenge != Challenge::TlsAlpn01 {
            return posted;
        }
        loop {
            {
                let mut desk = self.desk.open();
                // All or none of them: else two orders could wait for each other.
                if !self.names.iter().any(|name| desk.proofs.contains_key(name)) {
                    desk.proofs.extend(self.names.iter().map(|name| (name.clone(), None)));
                    posted.names.clone_from(&self.names);
                    return posted;
                }
            }
            self.desk.sleep(POLL_MS_MIN).await;
        }
    }

    /// Lays out the proof of a name, for the authority to ask for.
    fn expect(&self, name: &str, token: &str, proof: &KeyAuthorization, posted: &mut Posted<'_>) -> Result<(), Error> {
        let mut desk = self.desk.open();
        match self.authority.settings.challenge {
            // Another authority's stays as it is.
            Challenge::Http01 if desk.tokens.contains_key(token) => {
                return Err(said(format!("it sends a token for {name} that is in use")));
            }
            Challenge::Http01 => {
                desk.tokens.insert(token.to_owned(), proof.as_str().to_owned());
                posted.tokens.push(token.to_owned());
            }
            Challenge::TlsAlpn01 => {
                let proof = proof::make(name, proof.digest().as_ref()).map_err(said)?;
                desk.proofs.insert(name.to_owned(), Some(proof));
            }
        }
        Ok(())
    }

    /// Waits until the order has one of these states.
    async fn until(&self, order: &mut Order, wanted: &[OrderStatus]) -> Result<(), Error> {
        let mut pause_ms = POLL_MS_MIN;
        loop {
            let state = order.state();
            if wanted.contains(&state.status) {
                return Ok(());
            }
            if state.status == OrderStatus::Invalid {
                return Err(why_invalid(order).await);
            }
            self.desk.sleep(pause_ms).await;
            pause_ms = (pause_ms * 2).min(POLL_MS_MAX);
            order.refresh().await?;
        }
    }

    async fn hand_over(&self, chain: &str, memory: OwnedFd) -> Result<(), Error> {
        if chain.len() > CHAIN_BYTES_MAX {
            return Err(said(format!("a chain of more than {CHAIN_BYTES_MAX} bytes")));
        }
        fosse_sys::file::write_at(&memory, chain.as_bytes(), 0).map_err(|errno| said(errno.to_string()))?;
        match self.desk.hand_over(self.certificate, memory).await {
            Some(true) => Ok(()),
            Some(false) => Err(Error::Str("fosse-certs refused the certificate that was issued; its line says why")),
            None => Err(Error::Str("no reply of fosse-start")),
        }
    }
}

/// Returns the reason that an order is invalid, as the authority says it of a challenge.
async fn why_invalid(order: &mut Order) -> Error {
    if let Some(problem) = order.state().error.clone() {
        return Error::Api(problem);
    }
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return said(format!("{name}: {problem}"));
        }
    }
    Error::Str("the order is invalid, and the authority does not say why")
}

const fn kind_of(challenge: Challenge) -> ChallengeType {
    match challenge {
        Challenge::Http01 => ChallengeType::Http01,
        Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}

/// Returns the word of a challenge, as authorities write it.
fn word(kind: &ChallengeType) -> &str {
    match kind {
        ChallengeType::Http01 => "http-01",
        ChallengeType::Dns01 => "dns-01",
        ChallengeType::TlsAlpn01 => "tls-alpn-01",
        ChallengeType::DeviceAttest01 => "device-attest-01",
        ChallengeType::Unknown(word) => word,
        _ => "another one",
    }
}

/// Returns whether an authority may have refused an order because of the certificate that it
/// replaces (RFC 9773, section 5).
fn may_be_of_replaces(error: &Error) -> bool {
    match error {
        Error::Unsupported(_) => true,
        Error::Api(problem) => {
            let kind = problem.r#type.as_deref().unwrap_or_default();
            kind == ALREADY_REPLACED || kind.ends_with(":malformed") || kind.ends_with(":conflict")
        }
        _ => false,
    }
}

/// Returns whether a text is a token (RFC 8555, section 8.1), of a length that anybody uses.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=crate::limits::TOKEN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn said(what: impl Into<String>) -> Error {
    Error::Other(what.into().into())
}

fn read(request: OwnedFd) -> Result<Vec<u8>, Error> {
    fosse_sys::blob::read(request, REQUEST_BYTES_MAX).map_err(|error| said(format!("the request: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_letters_digits_hyphens_and_underscores_alone() {
        for good in ["a", "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", "_-", &"x".repeat(128)] {
            assert!(is_token(good), "{good}");
        }
        for bad in ["", "../x", "a/b", "a.b", "a b", "a%2f", "\u{e9}", &"x".repeat(129)] {
            assert!(!is_token(bad), "{bad}");
        }
    }
}
