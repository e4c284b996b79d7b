//! The certificates of the configuration: what is due, what is under way, and how it has ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use fosse_counters::Renewal;
use fosse_die::{Escaped, alert, info, warning};
use fosse_settings::acme::AcmeCertificate;
use instant_acme::{Account, CertificateIdentifier, Error};

use crate::PROGRAM;
use crate::desk::Desk;
use crate::known::Leaf;
use crate::limits::{
    ERROR_BYTES_MAX, ORDER_SECONDS_MAX, ORDERS_COUNT_MAX, RENEWAL_INFO_SECONDS_MAX, RENEWAL_INFO_SECONDS_MIN,
};
use crate::order::{Authority, Task};
use crate::schedule::{Life, Window, backoff, due};
use crate::state::Failures;

/// Seconds after an order has ended well in which the certificate that it brought has to be in
/// force: until then the one before looks due.
const IN_FORCE_SECONDS: u64 = 120;

/// Failures that are counted; pauses have long stopped to grow.
const COUNTED_MAX: u32 = 1000;

/// The end of an order, or of a question for a window.
enum Outcome {
    Ordered(Result<(), String>),
    Window(Result<(Window, u64), Error>),
}

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One certificate.
struct Certificate {
    settings: AcmeCertificate,
    leaf: Option<Leaf>,
    window: Option<Window>,
    /// The second at which its authority is asked for a window.
    ask_at: u64,
    /// The second before which nothing is begun.
    hold: u64,
    /// The work under way, and the second at which that is given up.
    work: Option<(Work, u64)>,
    is_ordered: bool,
    /// The one that was in force when the order began.
    replaced: Option<Leaf>,
    /// That one had not lived a tenth of its life.
    is_early: bool,
}

/// All of them.
pub(crate) struct Orders {
    desk: Desk,
    authorities: Vec<Arc<Authority>>,
    certificates: Vec<Certificate>,
    /// The set in force is known: before that all would look as if there were none.
    is_known: bool,
    under_way: usize,
    /// Orders that have ended well, and others.
    pub(crate) issued: u64,
    pub(crate) failed: u64,
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orders").field("under_way", &self.under_way).finish_non_exhaustive()
    }
}

impl Orders {
    /// Begins with none under way.
    pub(crate) fn new(desk: Desk, authorities: Vec<Arc<Authority>>, certificates: Vec<AcmeCertificate>) -> Self {
        let certificate = |settings| Certificate {
            settings,
            leaf: None,
            window: None,
            ask_at: 0,
            hold: 0,
            work: None,
            is_ordered: false,
            replaced: None,
            is_early: false,
        };
        let certificates = certificates.into_iter().map(certificate).collect();
        Self { desk, authorities, certificates, is_known: false, under_way: 0, issued: 0, failed: 0 }
    }

    /// Returns the number of certificates.
    pub(crate) fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Returns the number of those that have one in force.
    pub(crate) fn held(&self) -> usize {
        self.certificates.iter().filter(|certificate| certificate.leaf.is_some()).count()
    }

    /// Returns what people are told of each: when it is ordered, and what went wrong last.
    pub(crate) fn renewals(&self) -> impl Iterator<Item = Renewal> {
        let desk = self.desk.open();
        self.certificates.iter().map(move |certificate| {
            let failures = desk.state.failures(&certificate.settings.id);
            Renewal {
                next: if self.is_known { self.due(certificate, &desk) } else { 0 },
                failures: failures.map_or(0, |failures| failures.count),
                names: certificate.settings.names.join(","),
                error: failures.map_or_else(String::new, |failures| failures.last_error.clone()),
            }
        })
    }

    /// Takes note of the set in force.
    pub(crate) fn set_known(&mut self, leaves: Vec<Option<Leaf>>) {
        self.is_known = true;
        for (certificate, leaf) in self.certificates.iter_mut().zip(leaves) {
            if certificate.leaf != leaf {
                *certificate = Certificate {
                    leaf,
                    window: None,
                    ask_at: 0,
                    hold: 0,
                    settings: std::mem::take(&mut certificate.settings),
                    work: certificate.work.take(),
                    is_ordered: certificate.is_ordered,
                    replaced: certificate.replaced.take(),
                    is_early: certificate.is_early,
                };
            }
        }
    }

    /// Begins what is due. Called at every tick.
    pub(crate) fn begin_due(&mut self) {
        if !self.is_known {
            return;
        }
        for at in 0..self.certificates.len() {
            if self.under_way >= ORDERS_COUNT_MAX {
                return;
            }
            let wants = self.wanted(at);
            if let Some(is_order) = wants {
                self.begin(at, is_order);
            }
        }
    }

    /// Returns whether something of a certificate is due: an order, or else a question.
    fn wanted(&self, at: usize) -> Option<bool> {
        let certificate = &self.certificates[at];
        let desk = self.desk.open();
        let authority = usize::try_from(certificate.settings.authority).ok()?;
        let paused = desk.not_before.get(&authority).is_some_and(|until| *until > desk.now);
        if certificate.work.is_some() || certificate.hold > desk.now || paused {
            return None;
        }
        if self.due(certificate, &desk) <= desk.now {
            return Some(true);
        }
        let identifier = certificate.leaf.as_ref().and_then(Leaf::identifier);
        (certificate.ask_at <= desk.now && identifier.is_some()).then_some(false)
    }

    fn due(&self, certificate: &Certificate, desk: &crate::desk::Papered) -> u64 {
        let failures = desk.state.failures(&certificate.settings.id);
        let life = certificate.leaf.as_ref().map(|leaf| leaf.life);
        due(life, certificate.window, failures, spread(&certificate.settings.id))
    }

    fn begin(&mut self, at: usize, is_order: bool) {
        let certificate = &self.certificates[at];
        let number = usize::try_from(certificate.settings.authority).unwrap_or(usize::MAX);
        let Some(authority) = self.authorities.get(number) else { return };
        let replaces = certificate.leaf.as_ref().and_then(Leaf::identifier);
        let task = Task {
            desk: self.desk.clone(),
            authority: Arc::clone(authority),
            certificate: u16::try_from(at).unwrap_or(u16::MAX),
            names: certificate.settings.names.clone(),
            replaces,
        };
        let work: Work = if is_order {
            info(PROGRAM, format_args!("event=certificate-ordered {}", self.words(at)));
            Box::pin(async move { Outcome::Ordered(task.run().await) })
        } else {
            Box::pin(async move { Outcome::Window(window(task).await) })
        };
        let now = self.desk.open().now;
        let certificate = &mut self.certificates[at];
        certificate.work = Some((work, now + ORDER_SECONDS_MAX));
        certificate.is_ordered = is_order;
        certificate.replaced.clone_from(&certificate.leaf);
        certificate.is_early = certificate.leaf.as_ref().is_some_and(|leaf| is_young(leaf.life, now));
        self.under_way += 1;
        self.desk.open().is_new = true;
    }

    /// Looks at all that is under way, until nothing comes of it any more.
    pub(crate) fn go_on(&mut self) {
        while std::mem::take(&mut self.desk.open().is_new) {
            for at in 0..self.certificates.len() {
                self.poll(at);
            }
        }
    }

    fn poll(&mut self, at: usize) {
        let Some((work, _)) = &mut self.certificates[at].work else { return };
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(outcome) = work.as_mut().poll(&mut cx) {
            self.ended(at, outcome);
        }
    }

    /// Gives up what has taken too long. Called at every tick.
    pub(crate) fn end_overdue(&mut self) {
        let now = self.desk.open().now;
        for at in 0..self.certificates.len() {
            let certificate = &self.certificates[at];
            if certificate.work.as_ref().is_some_and(|(_, until)| *until <= now) {
                let outcome = match certificate.is_ordered {
                    true => Outcome::Ordered(Err(format!("it was not done within {ORDER_SECONDS_MAX} seconds"))),
                    false => Outcome::Window(Err(Error::Timeout(None))),
                };
                self.ended(at, outcome);
            }
        }
    }

    fn ended(&mut self, at: usize, outcome: Outcome) {
        self.under_way -= 1;
        self.certificates[at].work = None;
        self.certificates[at].is_ordered = false;
        // Another one may be due, and what waited for this one's account goes on.
        self.desk.open().is_new = true;
        match outcome {
            Outcome::Ordered(result) => self.ordered(at, result),
            Outcome::Window(result) => self.asked(at, result),
        }
    }

    fn ordered(&mut self, at: usize, result: Result<(), String>) {
        let words = self.words(at);
        let certificate = &mut self.certificates[at];
        let id = certificate.settings.id;
        let mut desk = self.desk.open();
        match result {
            Ok(()) => {
                // start may have said first which set is in force now.
                if certificate.leaf == certificate.replaced {
                    certificate.hold = desk.now + IN_FORCE_SECONDS;
                }
                // An authority whose windows lie in the past, whatever it has just issued, would be
                // asked again and again: the second time is as after a failure.
                let again = certificate.is_early.then(|| {
                    let count = desk.state.failures(&id).map_or(0, |failures| failures.count.min(COUNTED_MAX)) + 1;
                    let last_error = "renewed early, as its authority wanted".to_owned();
                    Failures { count, next: desk.now + backoff(count, spread(&id)), last_error }
                });
                desk.state.set_failures(&id, again);
                self.issued += 1;
                info(PROGRAM, format_args!("event=certificate-issued {words}"));
            }
            Err(why) => {
                let count = desk.state.failures(&id).map_or(0, |failures| failures.count.min(COUNTED_MAX)) + 1;
                let pause = backoff(count, spread(&id));
                let next = desk.now + pause;
                let last_error = shortened(&why);
                let error = Escaped(last_error.as_bytes());
                alert(
                    PROGRAM,
                    format_args!(
                        "event=certificate-failed {words} failures={count} retry_seconds={pause} error={error}"
                    ),
                );
                self.failed += 1;
                desk.state.set_failures(&id, Some(Failures { count, next, last_error }));
            }
        }
    }

    fn asked(&mut self, at: usize, result: Result<(Window, u64), Error>) {
        let words = self.words(at);
        let now = self.desk.open().now;
        let certificate = &mut self.certificates[at];
        match result {
            Ok((window, seconds)) => {
                if certificate.window != Some(window) {
                    let Window { start, end } = window;
                    info(PROGRAM, format_args!("event=renewal-window {words} start={start} end={end}"));
                }
                certificate.window = Some(window);
                certificate.ask_at = now + seconds.clamp(RENEWAL_INFO_SECONDS_MIN, RENEWAL_INFO_SECONDS_MAX);
            }
            // It has no such thing: two thirds of the life hold.
            Err(Error::Unsupported(_)) => certificate.ask_at = now + RENEWAL_INFO_SECONDS_MAX,
            // The window of before holds, where there was one.
            Err(error) => {
                let text = shortened(&error.to_string());
                warning(PROGRAM, format_args!("event=no-renewal-window {words} error={}", Escaped(text.as_bytes())));
                certificate.ask_at = now + RENEWAL_INFO_SECONDS_MAX / 4;
            }
        }
    }

    /// Returns the words by which a line names a certificate.
    fn words(&self, at: usize) -> String {
        let settings = &self.certificates[at].settings;
        let number = usize::try_from(settings.authority).unwrap_or(usize::MAX);
        let authority = self.authorities.get(number).map_or("", |authority| authority.settings.name.as_str());
        let more = settings.names.iter().skip(1).count();
        let name = settings.names.first().map_or("", String::as_str);
        let more = if more > 0 { format!(" more_names={more}") } else { String::new() };
        format!("name={name}{more} acme={authority} place={}", settings.place)
    }
}

/// Asks the authority of a certificate for the window of its renewal. Returns it with the seconds
/// until it is to be asked again.
async fn window(task: Task) -> Result<(Window, u64), Error> {
    let account: Account = task.account().await?;
    let identifier: CertificateIdentifier<'static> = task.replaces.ok_or(Error::Str("no identifier"))?;
    let (info, again) = account.renewal_info(&identifier).await?;
    let second = |at: i64| u64::try_from(at).unwrap_or(0);
    let (start, end) = (info.suggested_window.start.unix_timestamp(), info.suggested_window.end.unix_timestamp());
    if end <= start {
        return Err(Error::Str("a window that ends before it begins"));
    }
    Ok((Window { start: second(start), end: second(end) }, again.as_secs()))
}

/// Returns whether a certificate has not lived a tenth of its life.
fn is_young(life: Life, now: u64) -> bool {
    now < life.not_before + life.length() / 10
}

/// Returns a number that is a certificate's own: the beginning of its name's hash.
fn spread(id: &[u8; 16]) -> u64 {
    id.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Returns the beginning of an error, in one line.
fn shortened(text: &str) -> String {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace(|c: char| c.is_control() || c == '"', " ")
}
