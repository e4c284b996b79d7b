//! `fosse status --watch`: the page again every second; on a terminal its order changes by keys.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::{
    View,
    terminal::{Event, Terminal},
    traffic::Order,
};

/// Time between two looks.
const WATCH_EACH: Duration = Duration::from_secs(1);
/// Moves to the top left and erases everything below (ECMA-48: CUP, ED).
const CLEAR: &str = "\x1b[H\x1b[2J";
/// The last line of the screen.
const KEYS: &str = "sort: r requests, 4 4xx, 5 5xx, p p99, n name; a all on and off; q quits";

/// Shows the view until its reader ends it, or until nobody reads any more; returns the exit
/// status.
///
/// # Errors
/// One line, where the edge cannot be asked.
pub(super) fn watch(view: &mut View) -> Result<i32, String> {
    match Terminal::enter().map_err(|errno| format!("unable to use the terminal: {errno}"))? {
        Some(terminal) => with_keys(view, &terminal),
        None => plain(|| {
            view.look()?;
            Ok(view.page())
        }),
    }
}

/// Writes pages one after another, for whoever reads them from a pipe or a file.
///
/// # Errors
/// One line, where there is no page.
pub(super) fn plain(mut page: impl FnMut() -> Result<String, String>) -> Result<i32, String> {
    let mut out = std::io::stdout();
    loop {
        let text = format!("{}\n", page()?);
        // A reader that has seen enough (head, less) is no error.
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(0);
        }
        std::thread::sleep(WATCH_EACH);
    }
}

fn with_keys(view: &mut View, terminal: &Terminal) -> Result<i32, String> {
    let mut next_look = Instant::now();
    loop {
        if Instant::now() >= next_look {
            view.look()?;
            next_look = Instant::now() + WATCH_EACH;
        }
        let screen = format!("{CLEAR}{}{KEYS}", fitting(&view.page(), terminal.rows()));
        let mut out = std::io::stdout();
        if out.write_all(screen.as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(0);
        }
        match terminal.wait(next_look.saturating_duration_since(Instant::now())) {
            Event::Keys(keys) if keys.iter().any(|key| press(view, *key)) => return Ok(leave(0)),
            Event::Over(status) => return Ok(leave(status)),
            Event::Keys(_) | Event::Time => {}
        }
    }
}

/// Ends the line that the cursor stands in: what comes next is the shell's.
fn leave(status: i32) -> i32 {
    println!();
    status
}

/// Does what a key means; returns whether it is the one that quits.
fn press(view: &mut View, key: u8) -> bool {
    match key {
        b'q' => return true,
        b'a' => view.all = !view.all,
        _ => view.order = Order::of_key(key).unwrap_or(view.order),
    }
    false
}

/// Returns as much of a page as fits above the line of keys.
fn fitting(page: &str, rows: usize) -> String {
    page.lines().take(rows.max(2) - 1).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leaves_the_last_row_to_the_keys() {
        assert_eq!(fitting("a\n\nb\nc\n", 4), "a\n\nb\n");
        assert_eq!((fitting("a\nb\n", 24).as_str(), fitting("a\nb\n", 0).as_str()), ("a\nb\n", "a\n"));
        assert!(KEYS.len() < 80);
    }
}
