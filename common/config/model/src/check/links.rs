//! Signed links: keys and names.

use crate::model::{SignedLinks, Site};
use crate::problem::Problems;

/// Notes the problems of the signed links of a site and of its routes.
pub(super) fn links(site: &Site, problems: &mut Problems) {
    let own = [&site.signed_links].into_iter().chain(site.route.iter().map(|route| &route.signed_links));
    own.filter_map(|links| links.value.as_ref()?.on()).for_each(|links| table(links, problems));
}

fn table(links: &SignedLinks, problems: &mut Problems) {
    if let Some([one, two]) = links.keys.sound().map(Vec::as_slice)
        && one.value == two.value
        && one.sound().is_some()
    {
        problems.note_with_cure(&two.span, "this file is named twice", "remove one");
    }
    for name in [&links.expires_argument, &links.signature_argument] {
        if name.sound().is_some_and(|name| name.letters().is_empty()) {
            problems.note_with_cure(&name.span, "an argument without a letter has no name", "write a word");
            return;
        }
    }
    let names = (links.expires_argument.sound(), links.signature_argument.sound());
    if let (Some(expires), Some(signature)) = names
        && expires.letters() == signature.letters()
    {
        let cure = "give them names of other letters and digits";
        problems.note_with_cure(&links.span, "applications may take the two arguments for one", cure);
    }
}
