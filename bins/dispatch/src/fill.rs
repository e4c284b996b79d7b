//! The settings of a dispatch that asks for responses that are kept, in place of a lane's: what is
//! kept is what the application has sent, and each lane changes it for its own clients.

use fosse_settings::Dispatch as Settings;

/// Returns the settings without what is for one client.
pub(crate) fn settings(settings: Settings) -> Settings {
    let mut settings = settings;
    for policy in &mut settings.policies {
        policy.response_headers.clear();
        policy.prefixes = None;
        policy.intercept_errors.clear();
        policy.cache = None;
        // The lane has checked the link, and knows whose page asks.
        policy.signed_links = None;
        policy.cors = None;
        policy.compress = None;
    }
    for backend in &mut settings.backends {
        backend.sticky_cookie.clear();
    }
    settings
}
