//! The pages of a program's own file.

use rustix::mm::{Advice, madvise};

unsafe extern "C" {
    /// First byte of the program's file in memory; the linker gives the name (ld(1), GNU and LLVM
    /// alike).
    static __executable_start: u8;
    /// First byte after the code.
    static etext: u8;
}

/// Gives back the mapped pages of code and constants that only the start needed (the C library,
/// descriptors, the making of filters). A static program maps about a MiB until it is locked and
/// needs a third of that afterwards.
pub fn release_pages() {
    let start = &raw const __executable_start;
    let end = &raw const etext;
    let length = end.addr() - start.addr();
    // They are the file's own bytes: what is needed after all is mapped again at the next access.
    // SAFETY: from its start to the end of code a program file is mapped read-only and private, and
    // the linker puts nothing there that is written: relocated and writable data begin after it, on
    // pages of their own (the kernel rounds the length up to a page). A page dropped here comes
    // back from the file as it was.
    let _ = unsafe { madvise(start.cast_mut().cast(), length, Advice::LinuxDontNeed) };
}
