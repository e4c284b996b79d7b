//! Sets of certificates: what start says of them, and people who want their files to be read again.

use std::os::fd::OwnedFd;

use fosse_counters::{Renewal, RenewalsReader};
use fosse_die::{info, warning};
use fosse_eventloop::slab::Key;
use fosse_sys::blob::map;

use crate::{
    limits::{CERTIFICATES_BYTES_MAX, CERTIFICATES_WANTED_MAX},
    policy::POLICY,
    purges::Reply,
    response::Response,
};

/// The state of the sets, and who waits for one.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// The user who may have the files read again beside root.
    uid: Option<u32>,
    /// Number of the set in force; 0 for none.
    set: u32,
    /// A line for each certificate of it.
    listing: String,
    /// The reason why no other one is in force.
    refused: String,
    last_tag: u32,
    waiting: Vec<(u32, Key)>,
    /// The renewals of those that are ordered.
    renewals: Option<RenewalsReader>,
}

impl Certificates {
    /// Begins with nothing known. `uid` runs the edge; `tag` is a number that no status before has
    /// asked by lately.
    pub(crate) fn new(uid: Option<u32>, tag: u32, renewals: Option<RenewalsReader>) -> Self {
        let (listing, refused) = (String::new(), String::new());
        Self { uid, set: 0, listing, refused, last_tag: tag, waiting: Vec::new(), renewals }
    }

    /// Notes that somebody waits for a set of files that are read from now on. Returns the number
    /// to ask start by.
    ///
    /// # Errors
    /// The response where he may not have one.
    pub(crate) fn want(&mut self, client: Key, uid: u32) -> Result<u32, Response> {
        if uid != 0 && Some(uid) != self.uid {
            return Err(Response::said(403, "root alone, or the user who runs the edge, may reload certificates\n"));
        }
        if self.set == 0 {
            return Err(Response::said(409, "no listener of this edge has TLS\n"));
        }
        if self.waiting.len() >= CERTIFICATES_WANTED_MAX {
            return Err(Response::said(503, "as many wait for the same already\n"));
        }
        self.last_tag = self.last_tag.wrapping_add(1).max(1);
        self.waiting.push((self.last_tag, client));
        info(POLICY.program, format_args!("event=certificates-wanted uid={uid}"));
        Ok(self.last_tag)
    }

    /// Notes the set that is in force. Returns the responses of those whose files are in it.
    pub(crate) fn serves(&mut self, set: u32, tag: u32, listing: OwnedFd) -> Vec<Reply> {
        self.set = set;
        self.listing = if set == 0 { String::new() } else { text(listing) };
        self.refused.clear();
        let count = self.listing.lines().count();
        self.waited(tag, |_| Response::said(200, &format!("set {set} serves, {count} certificates\n")))
    }

    /// Notes why no other set is in force. Returns the responses of those who wanted it.
    pub(crate) fn refuse(&mut self, tag: u32, words: OwnedFd) -> Vec<Reply> {
        self.refused = text(words);
        let said = if self.refused.is_empty() { "the log says why\n".to_owned() } else { self.refused.clone() };
        self.waited(tag, |set| Response::said(409, &format!("{said}set {set} stays in force\n")))
    }

    /// Returns the page for `fosse certs`.
    pub(crate) fn page(&self) -> Response {
        let refused: String = self.refused.lines().map(|line| format!("refused {line}\n")).collect();
        let renewals = self.renewals.iter().flat_map(RenewalsReader::rows);
        let renewals: String = renewals.map(|(number, renewal)| line(number, &renewal)).collect();
        Response::said(200, &format!("set {}\n{refused}{renewals}{}", self.set, self.listing))
    }

    /// Forgets a client that has gone.
    pub(crate) fn leave(&mut self, client: Key) {
        self.waiting.retain(|(_, other)| *other != client);
    }

    fn waited(&mut self, tag: u32, response: impl Fn(u32) -> Response) -> Vec<Reply> {
        let set = self.set;
        // Numbers go round; those who wait are never half of all numbers apart.
        let is_over = |(of, _): &mut (u32, Key)| tag != 0 && tag.wrapping_sub(*of) < u32::MAX / 2;
        self.waiting.extract_if(.., is_over).map(|(_, client)| (client, response(set))).collect()
    }
}

/// Returns the line of a renewal: `renewal number next failures names error`, of which the last is
/// the rest of the line.
fn line(number: usize, renewal: &Renewal) -> String {
    let Renewal { next, failures, names, error } = renewal;
    let shown = |text: &str| text.bytes().map(printable).collect::<String>().replace('\n', "?");
    format!("renewal {number} {next} {failures} {} {}\n", shown(names).replace(' ', "?"), shown(error))
}

/// Reads what fosse-certs has written: of each line what is printable ASCII.
fn text(fd: OwnedFd) -> String {
    match map(fd, CERTIFICATES_BYTES_MAX) {
        Ok(bytes) => bytes.as_ref().iter().map(|byte| printable(*byte)).collect(),
        Err(error) => {
            warning(POLICY.program, format_args!("event=no-certificates {error}"));
            String::new()
        }
    }
}

const fn printable(byte: u8) -> char {
    match byte {
        b'\n' | b' '..=b'~' => byte as char,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use fosse_eventloop::slab::Slab;

    use super::*;

    fn memory(text: &str) -> OwnedFd {
        fosse_sys::memfd::sealed("listing", text.as_bytes()).unwrap()
    }

    #[test]
    fn who_waits_is_told_of_the_first_set_of_files_that_were_read_afterwards() {
        let mut slab = Slab::default();
        let [one, two] = [(), ()].map(|()| slab.insert(()).unwrap());
        let mut certificates = Certificates::new(Some(7), u32::MAX - 1, None);
        assert_eq!(certificates.want(one, 0).unwrap_err().status(), 409);
        assert!(certificates.serves(1, 0, memory("9 RSA - a b c d\n")).is_empty());
        assert_eq!(certificates.want(one, 8).unwrap_err().status(), 403);
        let (first, second) = (certificates.want(one, 0).unwrap(), certificates.want(two, 7).unwrap());
        assert_eq!((first, second), (u32::MAX, 1), "no request has the number 0");
        // One that an authority has issued, meanwhile.
        assert!(certificates.serves(2, 0, memory("")).is_empty());
        let responses: Vec<(Key, u16)> =
            certificates.refuse(first, memory("a\x1bb\n")).iter().map(|(key, said)| (*key, said.status())).collect();
        assert_eq!(responses, [(one, 409)]);
        assert_eq!(
            certificates.page().unsent().rsplit(|byte| *byte == b'\r').next().unwrap(),
            b"\nset 2\nrefused a?b\n"
        );
        let responses: Vec<(Key, u16)> =
            certificates.serves(3, second, memory("")).iter().map(|(key, said)| (*key, said.status())).collect();
        assert_eq!(responses, [(two, 200)]);
        assert!(certificates.serves(4, second, memory("")).is_empty());
    }
}
