//! A stream whose application has named a file in place of a body: it becomes a request for that.

use fosse_http1::Unwritable;
use fosse_settings::SendFiles;

use super::{
    effect::Effect,
    stream::{Body, Buffering, Stream, Wait},
};
use crate::upstream::tried::Wanted;

impl Stream {
    /// Returns whether its application has named a file, which is not asked for yet.
    pub(super) fn has_named_file(&self) -> bool {
        self.send_file.as_ref().is_some_and(|file| file.is_named())
    }

    /// Returns whether the file that its application has named has been asked for.
    pub(crate) fn has_asked_for_file(&self) -> bool {
        self.send_file.as_ref().is_some_and(|file| file.is_asked_for())
    }

    /// Turns it into a request for the file that its application has named.
    ///
    /// # Errors
    /// There is no such file, whatever the directory holds.
    pub(crate) fn ask_for_file(&mut self, files: &SendFiles) -> Result<(), Unwritable> {
        self.out.clear();
        let send_file = self.send_file.as_mut().ok_or(Unwritable::Target)?;
        send_file.write_request(&mut self.out, self.to_head)?;
        self.backend = usize::try_from(files.send_files).unwrap_or(usize::MAX);
        (self.out_sent, self.out_whole, self.announced) = (0, true, false);
        (self.body, self.buffering, self.framing_at) = (Body::Done, Buffering::No, None);
        (self.fastcgi, self.logs_in, self.odd_body, self.effect) = (false, false, false, Effect::None);
        (self.server, self.new_owner, self.wait) = (None, None, Wait::Connection);
        self.wanted = Wanted::default();
        self.key.clear();
        self.upgrade.clear();
        Ok(())
    }
}
