//! The settings for bodies: the rule set's, as `ctl` changes them for one transaction.

use crate::modes::XmlArguments;
use crate::settings::Settings;

/// The settings of both bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    pub request_access: bool,
    /// Bytes.
    pub request_limit: u64,
    /// REQUEST_BODY has bodies that no parser reads too.
    pub force: bool,
    pub xml_arguments: XmlArguments,
    pub response_access: bool,
    /// Bytes.
    pub response_limit: u64,
}

impl Bodies {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            request_access: settings.request_body_access,
            request_limit: settings.request_body_limit,
            force: false,
            xml_arguments: settings.xml_arguments,
            response_access: settings.response_body_access,
            response_limit: settings.response_body_limit,
        }
    }

    /// Returns the bytes of the response's body that are looked at.
    pub(super) fn response_limit(&self) -> usize {
        usize::try_from(self.response_limit).unwrap_or(usize::MAX)
    }
}
