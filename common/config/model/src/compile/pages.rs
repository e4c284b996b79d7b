//! Pages that sites respond with: each file is read once, and policies with the same pages share
//! them.

use std::collections::{BTreeSet, HashMap};

use fosse_http1::content_type;
use fosse_settings as blobs;

use crate::model::{ErrorPage, Site};
use crate::names::{FilePath, MediaType};
use crate::policy::{Does, Policy, Respond};
use crate::section::At;

/// Content-Type of a page that is written in the configuration.
const TEXT_TYPE: &str = "text/html; charset=utf-8";

/// The files that sites respond with, in the order of their number.
#[derive(Debug, Default)]
pub(super) struct PageFiles {
    pub(super) names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl PageFiles {
    /// Numbers the files of all sites.
    pub(super) fn of(sites: &[At<Site>]) -> Self {
        let policies = sites.iter().flat_map(|site| Policy::of(site));
        let named: BTreeSet<&str> = policies.flat_map(files).map(|file| file.0.as_str()).collect();
        let names: Vec<String> = named.into_iter().map(str::to_owned).collect();
        // Those of load are no more than a u32 counts.
        let numbers = names.iter().cloned().zip(0..).collect();
        Self { names, numbers }
    }

    fn number(&self, file: &FilePath) -> u32 {
        self.numbers.get(&file.0).copied().unwrap_or(u32::MAX)
    }

    /// Returns the file that a policy responds with, where it does.
    pub(super) fn respond_file(&self, policy: &Policy<'_>) -> Option<blobs::RespondFile> {
        let Does::Respond(Respond { file: Some(file), media_type, .. }) = policy.does() else { return None };
        let written = media_type.written().map(|media_type| media_type.0.clone());
        let content_type = written.unwrap_or_else(|| content_type(file.0.as_bytes()).to_owned());
        Some(blobs::RespondFile { respond_file: self.number(file), content_type })
    }
}

fn files<'a>(policy: Policy<'a>) -> impl Iterator<Item = &'a FilePath> {
    let respond = if let Does::Respond(respond) = policy.does() { respond.file } else { None };
    let (of_route, of_site) = policy.error();
    respond.into_iter().chain(of_route.iter().chain(of_site).filter_map(|page| page.file.value.as_ref()))
}

/// The pages of policies, each set of them once.
#[derive(Debug, Default)]
pub(super) struct PageSets {
    pub(super) sets: Vec<blobs::ErrorPages>,
    numbers: HashMap<Vec<u8>, u32>,
}

impl PageSets {
    /// Returns the number of the pages of a policy; `None` where it has none.
    pub(super) fn number(&mut self, policy: &Policy<'_>, files: &PageFiles) -> Option<u32> {
        let pages = blobs::ErrorPages { error: pages(policy, files), error_json: policy.error_json() };
        if pages == blobs::ErrorPages::default() {
            return None;
        }
        let key = fosse_wire::blob::encode(&pages).ok()?;
        let next = u32::try_from(self.sets.len()).ok()?;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.sets.push(pages);
        }
        Some(number)
    }
}

/// Returns the pages of a policy: those of the route before those of the site, and of each those
/// for fewer statuses first.
fn pages(policy: &Policy<'_>, files: &PageFiles) -> Vec<blobs::ErrorPage> {
    let sorted = |pages: &[At<ErrorPage>]| {
        let mut pages: Vec<blobs::ErrorPage> = pages.iter().flat_map(|page| of_statuses(page, files)).collect();
        pages.sort_by_key(|page| page.last - page.first);
        pages
    };
    let (of_route, of_site) = policy.error();
    [sorted(of_route), sorted(of_site)].concat()
}

fn of_statuses(page: &ErrorPage, files: &PageFiles) -> Vec<blobs::ErrorPage> {
    let usual = page.file.as_ref().map_or(TEXT_TYPE, |file| content_type(file.0.as_bytes()));
    let content_type = page.content_type.as_ref().map_or(usual, |MediaType(written)| written);
    let text = || page.text.as_ref().map(|text| text.0.clone()).unwrap_or_default();
    let body = || match page.file.as_ref() {
        Some(file) => blobs::PageBody::File(files.number(file)),
        None => blobs::PageBody::Text(text()),
    };
    let of = |status: &crate::names::ErrorStatus| blobs::ErrorPage {
        first: status.0.first,
        last: status.0.last,
        content_type: content_type.to_owned(),
        body: body(),
    };
    page.status.iter().map(|status| of(&status.value)).collect()
}
