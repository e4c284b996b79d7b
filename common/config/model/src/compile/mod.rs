//! The model as a plan for fosse-start and one blob per program: names become indices, defaults
//! numbers, times milliseconds. Nothing is decided after this.

mod acme;
mod backends;
mod cache;
mod checks;
mod cors;
mod fastcgi;
mod files;
mod headers;
mod heads;
mod links;
mod listeners;
mod names;
mod pages;
mod password;
mod retry;
mod sites;
mod tls;
mod to_https;
mod waf;

use core::time::Duration;

use fosse_plan::{Plan, SpoolPlan};
use fosse_settings as blobs;
use fosse_wire::blob::{BLOB_BYTES_MAX, BlobError, encode};
use fosse_wire::launch::Program;

use crate::accounts::Accounts;
use crate::backends::Backends;
use crate::buffering::uses_filter;
use crate::model::{AccessFormat, Edge, Scheduling};
use crate::problem::{Problems, Span};
use crate::section::At;
use crate::texts::Texts;
use crate::value::Bytes;

/// Time for which bytes of a denied client are read and thrown away: long enough for the response
/// to arrive before the reset, short enough to cost nothing.
const LINGER: Duration = Duration::from_secs(2);

/// Makes the plan; notes what cannot be compiled.
pub(crate) fn plan(edge: &Edge, texts: &Texts<'_>, accounts: &Accounts, problems: &mut Problems) -> Plan {
    let by_name = Backends::of(&edge.backend);
    let mut plan = of_start(edge, &by_name, accounts, problems);
    let (rules, pages) = (waf::RuleSets::of(&edge.site), pages::PageFiles::of(&edge.site));
    let secrets = (links::KeyFiles::of(&edge.site), password::UserLists::of(&edge.site));
    let numbered = sites::Numbered::of(edge, problems);
    let files = tls::Files::of(edge, texts);
    let mut servers = backends::Servers::of(edge, &files, accounts, problems);
    let ordered = acme::Ordered::of(edge, texts, &mut servers.resolve, problems);
    let dispatch =
        cache::tagged(dispatch(edge, (&numbered, &secrets), (&by_name, &servers), (plan.group, accounts), problems));
    let cache = cache::settings(edge, &dispatch).map(|cache| (Program::Cache, encode(&cache)));
    plan.cache_bytes = cache.as_ref().map_or(0, |_| edge.limits.cache_bytes_max.0);
    plan.cache_disk = cache.as_ref().and_then(|_| cache::disk(edge));
    let tls = tls::tls(edge, &files);
    let encoded = [
        (Program::Accept, encode(&listeners::accept(edge, accounts, problems))),
        (Program::Parse, encode(&parse(edge, &numbered, (&by_name, &servers), &pages, tls.as_ref(), problems))),
        (Program::Dispatch, encode(&dispatch)),
        (Program::Connect, encode(&servers.connect)),
        (Program::Load, encode(&load(edge, &rules, pages.names.clone(), &secrets))),
    ];
    let filter = edge.site.iter().any(|site| uses_filter(site, &by_name));
    let filter = filter.then(|| (Program::WafFilter, encode(&waf::waf_filter(edge, &numbered, &by_name, &rules))));
    let checks = (!servers.prober.servers.is_empty()).then(|| (Program::Prober, encode(&servers.prober)));
    let users = &secrets.1.settings;
    let users = (!users.lists.is_empty()).then(|| (Program::Password, encode(users)));
    let names = (!servers.resolve.names.is_empty()).then(|| (Program::Resolve, encode(&resolve(edge, &servers))));
    let http2 = servers.http2().map(|settings| (Program::DispatchH2, encode(&settings)));
    let coder = sites::encode(edge).map(|settings| (Program::Encode, encode(&settings)));
    plan.files.clone_from(&servers.files);
    let of_tls = of_tls(tls.as_ref(), &files, &servers, ordered.as_ref());
    let optional = filter.into_iter().chain(checks).chain(names).chain(users).chain(cache).chain(coder);
    let optional = optional.chain(of_tls).chain(http2);
    add_blobs(&mut plan, encoded.into_iter().chain(optional), problems);
    plan.http2 = edge.listen.iter().any(|listen| listen.http2.value) || tls.as_ref().is_some_and(|tls| tls.http2);
    plan.tls_files = files.all();
    if let Some(ordered) = ordered {
        (plan.acme, plan.authorities) = (ordered.certificates, Some(ordered.authorities));
    }
    plan
}

/// A program with its settings.
type Blob = (Program, Result<Vec<u8>, BlobError>);

/// Returns the settings of programs that TLS needs, towards clients and servers.
fn of_tls(
    tls: Option<&blobs::tls::TlsSettings>,
    files: &tls::Files,
    servers: &backends::Servers,
    ordered: Option<&acme::Ordered>,
) -> impl Iterator<Item = Blob> {
    let certs = (!files.is_empty()).then(|| (Program::Certs, encode(&files.certs)));
    let to_servers = servers.connect_tls().map(|settings| (Program::ConnectTls, encode(&settings)));
    let acme = ordered.map(|ordered| (Program::Acme, encode(&ordered.acme)));
    tls.map(|tls| (Program::Tls, encode(tls))).into_iter().chain(certs).chain(to_servers).chain(acme)
}

/// Returns the plan without the settings of programs: what start itself obeys.
fn of_start(edge: &Edge, backends: &Backends<'_>, accounts: &Accounts, problems: &mut Problems) -> Plan {
    Plan {
        lanes: edge.lanes.unwrap_or(0),
        uid_base: edge.uid_base.value,
        group: group(edge, accounts, problems),
        drain_seconds_max: edge.drain_seconds_max.duration(),
        stop_seconds_max: edge.stop_seconds_max.duration(),
        lane_connections_max: edge.limits.lane_connections_max.value,
        log_second_lines_max: edge.limits.log_second_lines_max.value,
        sites: number_of(edge.site.len()),
        backends: number_of(edge.backend.len() + usize::from(acme::responds_over_http(edge))),
        scheduling: scheduling(edge.scheduling.value),
        inspect_responses: waf::some_inspects(edge),
        listeners: listeners::plan(&edge.listen, accounts, problems),
        access_log: edge.access_log.as_ref().map(|log| log.0.clone().into_bytes()).unwrap_or_default(),
        audit_log: edge.audit_log.as_ref().map(|log| log.0.clone().into_bytes()).unwrap_or_default(),
        status_socket: listeners::status_socket(edge, accounts, problems),
        status_address: listeners::status_address(edge),
        spool: spool(edge, backends),
        ..Plan::default()
    }
}

/// Keys and users that sites name, by number.
type Secrets = (links::KeyFiles, password::UserLists);

/// Returns the names with the name servers that are asked for them.
fn resolve(edge: &Edge, servers: &backends::Servers) -> blobs::Resolve {
    let name_servers = edge.name_servers.iter().map(|server| listeners::mapped(&server.0)).collect();
    blobs::Resolve { name_servers, names: servers.resolve.names.clone() }
}

fn add_blobs(plan: &mut Plan, encoded: impl Iterator<Item = Blob>, problems: &mut Problems) {
    for (program, blob) in encoded {
        match blob {
            Ok(bytes) => plan.blobs.push((program, bytes)),
            Err(error) => too_large(program, &error, problems),
        }
    }
}

/// Returns the plan by which fosse-load reads the files that a configuration includes.
///
/// # Errors
/// Names that are longer together than settings may be.
pub(crate) fn includes(names: Vec<String>) -> Result<Plan, BlobError> {
    let load = blobs::Load { includes: names, ..blobs::Load::default() };
    Ok(Plan { includes: true, blobs: vec![(Program::Load, encode(&load)?)], ..Plan::default() })
}

const fn scheduling(written: Scheduling) -> fosse_plan::Scheduling {
    match written {
        Scheduling::Auto => fosse_plan::Scheduling::Auto,
        Scheduling::Batch => fosse_plan::Scheduling::Batch,
        Scheduling::Inherit => fosse_plan::Scheduling::Inherit,
    }
}

/// Returns the spool, where some site may have bodies for it.
fn spool(edge: &Edge, backends: &Backends<'_>) -> Option<SpoolPlan> {
    let spool_bytes_max = edge.limits.spool_bytes_max.0;
    let is_used = spool_bytes_max > 0 && edge.site.iter().any(|site| uses_filter(site, backends));
    let spool_directory = edge.spool_directory.0.clone().into_bytes();
    is_used.then_some(SpoolPlan { spool_directory, spool_bytes_max })
}

/// The package makes a group of this name.
const GROUP: &str = "fosse";
/// UIDs from `uid_base` on that fosse-start gives to processes.
const UIDS_MAX: u32 = 4096;

/// Returns the group of the processes that connect to unix sockets, 0 where there is none for
/// them.
fn group(edge: &Edge, accounts: &Accounts, problems: &mut Problems) -> u32 {
    let Some(named) = &edge.group.value else { return accounts.group(GROUP).unwrap_or(0) };
    let named = At { value: named.clone(), span: edge.group.span.clone(), origin: edge.group.origin };
    let gid = accounts.gid(&named, problems);
    let own = edge.uid_base.value;
    if gid == 0 {
        problems.note_with_cure(&named.span, "group 0 is root's", "name one that has the sockets of the backends");
    } else if gid.checked_sub(own).is_some_and(|slot| slot < UIDS_MAX) {
        let what = format!("group {gid} is one of the {UIDS_MAX} from uid_base on, which processes have by turns");
        problems.note_with_cure(&named.span, what, "name another one");
    }
    gid
}

/// Returns the length of a table as the plan has it. The rows allow 10,000.
fn number_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn too_large(program: Program, error: &BlobError, problems: &mut Problems) {
    let what = format!("the settings of fosse-{} would be longer than {BLOB_BYTES_MAX} bytes: {error}", program.name());
    problems.note(&(0..0), what);
}

fn parse(
    edge: &Edge,
    numbered: &sites::Numbered,
    (backends, servers): (&Backends<'_>, &backends::Servers),
    pages: &pages::PageFiles,
    tls: Option<&blobs::tls::TlsSettings>,
    problems: &mut Problems,
) -> blobs::Parse {
    let (sites, policies, error_pages) = sites::parse(edge, numbered, backends, pages, |site| tls::terms(tls, site));
    let (limits, timeouts) = (&edge.limits.value, &edge.timeouts.value);
    let (head, own_heads) = heads::limits(edge, problems);
    let policies = policies.into_iter().zip(own_heads).map(|(policy, head)| blobs::ParsePolicy { head, ..policy });
    let policies = policies.chain(numbered.redirects.parse()).chain(numbered.challenges.parse());
    let default_sites = sites::defaults_of_listeners(edge, problems);
    let listeners = edge.listen.iter().zip(default_sites);
    blobs::Parse {
        listeners: listeners.map(|(listen, default_site)| listeners::parse(listen, default_site)).collect(),
        address_lists: listeners::list_count(edge),
        sites,
        policies: policies.collect(),
        error_pages,
        default_site: edge.site.iter().position(|site| site.default.value).and_then(|at| u32::try_from(at).ok()),
        head_seconds: timeouts.head_seconds.duration(),
        body_seconds: timeouts.body_seconds.duration(),
        idle_seconds: timeouts.idle_seconds.duration(),
        write_seconds: timeouts.write_seconds.duration(),
        linger: LINGER,
        drain_seconds_max: edge.drain_seconds_max.duration(),
        head,
        connection_requests_max: limits.connection_requests_max.value,
        upgrade: backends::all_upgrades(&edge.backend),
        access_log: edge.access_log.is_some(),
        access_log_format: match edge.access_log_format.value {
            AccessFormat::Json => blobs::AccessFormat::Json,
            AccessFormat::Combined => blobs::AccessFormat::Combined,
        },
        access_log_fields: access_log_fields(edge),
        slow_request_seconds: edge.slow_request_seconds.map(|time| time.duration()),
        servers: if is_logged(edge) { servers.server_names() } else { Vec::new() },
    }
}

/// Returns whether lines of requests name their servers.
fn is_logged(edge: &Edge) -> bool {
    edge.access_log.is_some() || edge.slow_request_seconds.is_some()
}

fn access_log_fields(edge: &Edge) -> Vec<blobs::AccessField> {
    if edge.access_log_fields.is_empty() {
        return blobs::AccessField::ALL.to_vec();
    }
    edge.access_log_fields.iter().map(|field| field.value.0).collect()
}

fn dispatch(
    edge: &Edge,
    (numbered, secrets): (&sites::Numbered, &Secrets),
    (backends, servers): (&Backends<'_>, &backends::Servers),
    (group, accounts): (u32, &Accounts),
    problems: &mut Problems,
) -> blobs::Dispatch {
    let (sites, policies) = sites::dispatch(edge, (numbered, secrets), backends, problems);
    blobs::Dispatch {
        sites,
        policies,
        backends: servers.backends.clone(),
        servers: servers.names.clone(),
        lane_held_bytes_max: edge.limits.lane_held_bytes_max.0,
        lane_buffered_bytes_max: edge.limits.lane_buffered_bytes_max.0,
        lane_response_bytes_max: edge.limits.lane_response_bytes_max.0,
        write_seconds: edge.timeouts.write_seconds.duration(),
        response_head_bytes_max: narrow(&edge.limits.response_head_bytes_max, problems),
        response_header_bytes_max: narrow(&edge.limits.response_header_bytes_max, problems),
        response_header_count_max: edge.limits.response_header_count_max.value,
        group: if group == 0 { String::new() } else { accounts.group_name(group) },
        configuration: 0,
    }
}

fn load(edge: &Edge, rules: &waf::RuleSets, pages: Vec<String>, (keys, users): &Secrets) -> blobs::Load {
    let (rules, lists) = (rules.entries.clone(), listeners::lists(edge));
    let (keys, users) = (keys.paths.clone(), users.paths.clone());
    blobs::Load { rules, lists, pages, keys, users, includes: Vec::new() }
}

/// Returns a size as the settings have it, in 32 bits, or notes that it has more. The limits of the
/// rows are far below.
fn narrow(size: &At<Bytes>, problems: &mut Problems) -> u32 {
    narrow_to((size.value, &size.span), problems)
}

/// Does the same with a size and its place.
fn narrow_to((size, span): (Bytes, &Span), problems: &mut Problems) -> u32 {
    u32::try_from(size.0).unwrap_or_else(|_| {
        problems.note(span, format!("{} bytes are more than {}", size.0, u32::MAX));
        0
    })
}
