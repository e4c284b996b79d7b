//! What is kept on a disk: found when it is out of memory, over restarts, and gone when it was
//! purged; and what a disk does that is full, broken or not ours.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use fosse_harness::{Dir, Edge, is_root, wait_for};
use rustix::process::Signal;

use crate::site::{App, Site, ok, on_disk};

/// Bytes of a response: eighteen of them are more than the memory.
const LENGTH: usize = 60_000;
const PAGES: usize = 24;

/// A directory with one for a disk in it.
pub(crate) fn dir() -> Dir {
    let dir = Dir::new();
    fs::create_dir(dir.join("kept")).unwrap();
    fs::set_permissions(dir.join("kept"), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

/// An application whose responses are long, numbered, and have their last path segment as a tag.
fn app() -> App {
    let asked = AtomicUsize::new(0);
    App::start(move |head, _| {
        let n = asked.fetch_add(1, Ordering::Relaxed);
        let path = head.split(' ').nth(1).unwrap();
        let tag = path.rsplit('/').next().unwrap();
        ok(&format!("Cache-Control: max-age=6000\r\nCache-Tag: all, t{tag}\r\n"), &format!("{n:0LENGTH$}"))
    })
}

/// Asks for a page as one of many clients. Returns its number and its Cache-Status.
fn page(site: &Site, n: usize) -> (usize, String) {
    let (body, status) = site.seen(&format!("/shop/{}/{n}", n % 3), &format!("X-Forwarded-For: 192.0.2.{n}\r\n"));
    assert_eq!(body.len(), LENGTH, "{status}");
    (body.parse().unwrap(), status)
}

fn is_hit(status: &str) -> bool {
    status.starts_with("fosse; hit; ttl=")
}

/// Has all pages kept. Returns their numbers.
fn keep_all(site: &Site) -> Vec<usize> {
    let numbers = (0..PAGES).map(|n| page_of_cache(site, n).0).collect();
    wait_for("all of them on the disk", || (site.edge.counter("cache", "on_disk") >= PAGES as u64).then_some(()));
    numbers
}

/// Asks for a page until the cache was asked for it: while one cache follows another, requests pass
/// by, and nothing is kept of that.
fn page_of_cache(site: &Site, n: usize) -> (usize, String) {
    wait_for("the cache", || Some(page(site, n)).filter(|(_, status)| status != "fosse; fwd=miss"))
}

/// Asserts that all pages are as they were, but for `gone` ones, and asked for again.
fn assert_kept(site: &Site, numbers: &[usize], gone: &[usize]) {
    for (n, number) in numbers.iter().enumerate().filter(|(n, _)| !gone.contains(n)) {
        let (now, status) = page_of_cache(site, n);
        assert_eq!((now, is_hit(&status)), (*number, true), "{n}: {status}");
    }
    for n in gone {
        let (now, status) = page_of_cache(site, *n);
        assert_eq!((now == numbers[*n], is_hit(&status)), (false, false), "{n}: {status}");
    }
}

/// Starts an edge that has ended again.
pub(crate) fn revive(site: &mut Site) {
    site.edge.revive();
    wait_for_lane(site);
}

/// Waits until the lane asks the cache.
fn wait_for_lane(site: &Site) {
    wait_for("a lane that asks the cache", || is_hit(&site.seen("/probe", "").1).then_some(()));
}

#[test]
fn what_falls_out_of_memory_is_found_on_the_disk_and_comes_back_into_memory() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let site = Site::on_disk(app(), dir(), "");
    let numbers = keep_all(&site);
    let (number, status) = page(&site, 0);
    assert_eq!((number, status.ends_with("; detail=disk") && is_hit(&status)), (numbers[0], true), "{status}");
    let (number, status) = page(&site, 0);
    assert_eq!((number, !status.contains("disk") && is_hit(&status)), (numbers[0], true), "{status}");
    assert_kept(&site, &numbers, &[]);
    wait_for("a count", || (site.edge.counter("cache", "disk_read") >= 8).then_some(()));
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn what_is_kept_outlives_the_edge_however_it_ends_a_reload_and_an_upgrade() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let mut site = Site::on_disk(app(), dir(), "");
    let numbers = keep_all(&site);
    assert_eq!(site.edge.terminate(), Some(0));
    revive(&mut site);
    assert_kept(&site, &numbers, &[]);
    site.edge.kill();
    revive(&mut site);
    assert_kept(&site, &numbers, &[]);
    site.edge.reload(&on_disk(&site.app, ""));
    wait_for_lane(&site);
    assert_kept(&site, &numbers, &[]);
    site.edge.signal(Signal::USR2);
    site.edge.wait_for_log("event=upgraded");
    wait_for_lane(&site);
    assert_kept(&site, &numbers, &[]);
    let cache = site.edge.children_of("cache").into_iter().next().unwrap();
    cache.signal(Signal::KILL);
    wait_for("the next cache", || {
        site.edge.children_of("cache").into_iter().find(|next| next.pid != cache.pid).map(drop)
    });
    wait_for_lane(&site);
    assert_kept(&site, &numbers, &[]);
    let log = site.edge.log();
    assert!(!log.contains("cache-disk-altered") && !log.contains("cache-disk-emptied"), "{log}");
    assert!(!log.contains("event=not-started program=cache"), "{log}");
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn a_purge_and_a_change_hold_for_what_is_on_the_disk_alone_and_over_restarts() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let mut site = Site::on_disk(app(), dir(), "");
    let mut numbers = keep_all(&site);
    let all: Vec<usize> = (0..PAGES).collect();
    let of_prefix: Vec<usize> = (0..PAGES).filter(|n| n % 3 == 1).collect();
    for (words, gone) in [
        (vec!["http://a.example/shop/0/3"], vec![3]),
        (vec!["--tag", "t5", "--site", "a.example"], vec![5]),
        (vec!["--tag", "t9", "--site", "b.example"], vec![]),
        (vec!["--prefix", "http://a.example/shop/1/"], of_prefix),
        (vec!["--all", "--site", "b.example"], vec![]),
        (vec!["--all", "--site", "a.example"], all.clone()),
        (vec!["--all"], all),
    ] {
        // Those that are asked for last are in the memory, all others are not.
        (PAGES - 4..PAGES).for_each(|n| drop(page(&site, n)));
        let purged = site.edge.fosse(&[&["purge"], &*words].concat());
        assert!(purged.status.success(), "{words:?} {purged:?}");
        // Killed at once: nothing but the files is left.
        site.edge.kill();
        revive(&mut site);
        assert_kept(&site, &numbers, &gone);
        numbers = keep_all(&site);
    }
    let forgotten = site.edge.counter("cache", "forgotten");
    let changed = site.send("POST", "/shop/2/2", "Content-Length: 0\r\n");
    assert_eq!(changed.status, 200);
    // A change is told to the cache, and not waited for.
    wait_for("the change", || (site.edge.counter("cache", "forgotten") > forgotten).then_some(()));
    site.edge.kill();
    revive(&mut site);
    assert_kept(&site, &numbers, &[2]);
}

#[test]
fn bytes_that_were_changed_on_the_disk_are_sent_to_nobody_and_said() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let mut site = Site::on_disk(app(), dir(), "");
    let numbers = keep_all(&site);
    assert_eq!(site.edge.terminate(), Some(0));
    let path = site.edge.dir().join("kept");
    let file = |name: &str| fs::OpenOptions::new().write(true).read(true).open(path.join(name)).unwrap();
    let responses = file("responses");
    // Somewhere in each of them.
    let mut bytes = vec![0; (LENGTH + 500) * (PAGES + 2)];
    responses.read_exact_at(&mut bytes, 0).unwrap();
    bytes.iter_mut().step_by(LENGTH / 2).for_each(|byte| *byte ^= 1);
    responses.write_all_at(&bytes, 0).unwrap();
    revive(&mut site);
    assert_kept(&site, &numbers, &(0..PAGES).collect::<Vec<_>>());
    site.edge.wait_for_log("alert: event=cache-disk-altered response=");
    wait_for("a count", || (site.edge.counter("cache", "disk_lost") >= PAGES as u64).then_some(()));
    // Now the index.
    let numbers = keep_all(&site);
    assert_eq!(site.edge.terminate(), Some(0));
    file("index").write_all_at(&[0x55; 20_000], 0).unwrap();
    revive(&mut site);
    site.edge.wait_for_log("warning: event=cache-disk-emptied");
    assert_kept(&site, &numbers, &(0..PAGES).collect::<Vec<_>>());
    assert_eq!(site.edge.alarms(), Vec::<String>::new());
}

#[test]
fn who_asks_for_a_page_again_and_again_finds_it_however_many_others_come() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let site = Site::on_disk(app(), dir(), "");
    let number = page(&site, 0).0;
    // Twice what the disk has room for, by sources that each stay below their share.
    for n in 1..600 {
        let source = format!("X-Forwarded-For: 198.51.{}.{}\r\n", n / 250, n % 250);
        assert_eq!(site.seen(&format!("/other/{n}"), &source).0.len(), LENGTH);
        if n % 20 == 0 {
            let (now, status) = page(&site, 0);
            assert_eq!((now, is_hit(&status)), (number, true), "{n}: {status}");
        }
    }
    let (_, status) = site.seen("/other/1", "X-Forwarded-For: 192.0.2.1\r\n");
    assert!(status.starts_with("fosse; fwd=uri-miss; stored; ttl="), "{status}");
    let used = |name: &str| {
        let stat = fs::metadata(site.edge.dir().join(name)).unwrap();
        std::os::unix::fs::MetadataExt::blocks(&stat) * 512
    };
    assert!(used("kept/index") + used("kept/responses") <= 16 << 20);
}

fn refused(edge_dir: &Dir, configuration: &str, words: &str) {
    let path = edge_dir.join("fosse.toml");
    let text = configuration
        .replace("{dir}", &edge_dir.path().to_string_lossy())
        .replace("{address}", "127.0.0.1:1")
        .replace("{uid_base}", &fosse_harness::uid_base().to_string());
    fs::write(&path, text).unwrap();
    let checked = fosse_harness::fosse(&["check", &path.to_string_lossy()]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success() && said.contains(words), "{words}: {said}");
}

#[test]
fn a_directory_that_is_not_there_or_not_roots_alone_is_refused_by_check_with_the_cure() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let (dir, app) = (dir(), app());
    let kept: PathBuf = dir.join("kept");
    let text = on_disk(&app, "uid_base = {uid_base}");
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o770)).unwrap();
    refused(&dir, &text, "others may write to it (mode 0770); forbid that with chmod 0700");
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&kept, Some(12_345), None).unwrap();
    refused(&dir, &text, "it belongs to the user 12345; give it to 0 with chown");
    fs::remove_dir(&kept).unwrap();
    refused(&dir, &text, &format!("it is not there; make it with install -d -m 0700 {}", kept.display()));
    fs::write(&kept, "").unwrap();
    refused(&dir, &text, "it is not a directory");
    refused(&dir, &text.replace("{dir}/kept", "/dev/shm"), "others may write to it");
}

#[test]
fn files_that_are_not_ours_are_left_alone_and_responses_kept_in_memory_alone() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    for (name, what) in [("index", "it is a symbolic link"), ("responses", "it is a directory")] {
        let dir = dir();
        let path = dir.join("kept").join(name);
        fs::write(dir.join("other"), "other").unwrap();
        if name == "index" {
            std::os::unix::fs::symlink(dir.join("other"), path).unwrap();
        } else {
            fs::create_dir(path).unwrap();
        }
        let site = Site::on_disk(app(), dir, "");
        site.edge.wait_for_log(&format!("error=\"{name}: {what}\""));
        assert_eq!(page(&site, 1).0, page(&site, 1).0);
        assert_eq!(fs::read(site.edge.dir().join("other")).unwrap(), b"other");
    }
}

#[test]
fn two_edges_do_not_share_a_directory() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let site = Site::on_disk(app(), dir(), "");
    let text = on_disk(&site.app, "").replace("{dir}/kept", &site.edge.dir().join("kept").to_string_lossy());
    let other = Edge::supervised(Dir::new(), &text);
    other.wait_for_log("error=\"index: another edge has it; give each a directory of its own\"");
    assert_eq!(page(&site, 1).0, page(&site, 1).0);
}
