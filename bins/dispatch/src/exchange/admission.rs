//! A request that has just come: it is routed, written for its backend, or refused.

use fosse_counters::dispatch as count;
use fosse_die::{Escaped, warning};
use fosse_settings::{Action, Dispatch as Settings};
use fosse_wire::request::{BodyLength, RequestHead};

use super::{
    Outcome, affinity, buffering, checks,
    clients::Clients,
    deadline,
    encoding::Wanted,
    headers::with_facts,
    prefix, preflight,
    refused::Refused,
    request::offers_upgrade,
    response, send,
    send_file::SendFile,
    signed_link,
    stream::{Body, Buffering, Stream, Wait},
};
use crate::{
    PROGRAM,
    cache::lookup,
    context::Context,
    policies::{Policies, Policy},
};

/// Routes and writes a request, and finds out whether it waits for access.
pub(crate) fn admit(
    stream: &mut Stream,
    head: &RequestHead<'_>,
    settings: (&Settings, &Policies),
    clients: &Clients,
    context: &mut Context<'_>,
) -> Outcome {
    match route(stream, head, settings, clients, context) {
        Ok(policy) => match &policy.settings.access {
            None => go_on(stream, context),
            Some(access) => checks::check(stream, head, (policy, access), &settings.0.backends)
                .unwrap_or_else(|why| Outcome::Respond(unwritable(why, head.connection, context))),
        },
        Err(outcome) => outcome,
    }
}

/// Lets a request go on that is routed and written, and has access.
pub(crate) fn go_on(stream: &mut Stream, context: &mut Context<'_>) -> Outcome {
    if !stream.routed {
        return Outcome::RespondByPolicy;
    }
    if stream.fastcgi && stream.wait == Wait::Continue {
        // FastCGI has no word for it: the body may always come.
        stream.wait = Wait::Connection;
        response::go_on(&mut context.shared.output.outbox, stream.id);
    }
    match stream.buffering {
        Buffering::No if stream.cached.as_ref().is_some_and(|cached| cached.asks) => Outcome::AskCache,
        Buffering::No => Outcome::Connect,
        // It has come whole while the request waited for access.
        Buffering::Brief if stream.body == Body::Done => buffering::end(stream),
        Buffering::Brief => {
            buffering::begin(stream, context);
            send::grant(stream, context);
            Outcome::Continue
        }
    }
}

/// Routes and writes a request, or returns what becomes of it where it may not go on.
fn route<'a>(
    stream: &mut Stream,
    head: &RequestHead<'_>,
    (settings, policies): (&Settings, &'a Policies),
    clients: &Clients,
    context: &mut Context<'_>,
) -> Result<&'a Policy, Outcome> {
    let policy = policy_of(head, settings, policies, context)?;
    prepare_response(stream, head, policy);
    if let Some(cors) = policy.settings.cors.as_ref().filter(|_| preflight::is_preflight(head)) {
        return Err(Outcome::Preflight(preflight::fields(head, cors)));
    }
    let head = &signed(head, policy, policies, context)?;
    let Action::Backend(number) = policy.settings.action else {
        stream.location = head.location.to_vec();
        return Ok(policy);
    };
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let backend = settings.backends.get(number).ok_or(Outcome::Respond(502))?;
    (stream.backend, stream.routed) = (number, true);
    // What needs access is nobody else's, and is found out after this.
    if let Some(cache) = policy.settings.cache.as_ref().filter(|_| policy.settings.access.is_none())
        && let Some(outcome) = lookup::admit(stream, head, cache, clients, context)
    {
        return Err(outcome);
    }
    let fastcgi = backend.fastcgi.is_some();
    let buffering = Buffering::of(head, fastcgi);
    stream.fastcgi = fastcgi;
    stream.wanted.affinity = affinity::of(head, stream.source(), backend);
    stream.first_byte_seconds = policy.settings.first_byte_seconds.unwrap_or(backend.first_byte_seconds);
    stream.idle_seconds = policy.settings.idle_seconds.unwrap_or(backend.idle_seconds);
    stream.buffering = buffering;
    stream.deadline_ms = deadline::of(head).map(|time| context.after(time));
    let waits = head.expect_continue && head.held == 0 && !matches!(head.body, BodyLength::None | BodyLength::Exact(0));
    if waits {
        stream.wait = Wait::Continue;
    }
    let upgrade = if offers_upgrade(head, backend) { note_upgrade(stream, head, clients)? } else { b"" };
    let head = RequestHead { upgrade, ..*head };
    let written = stream.write_head(&head, policy, backend, waits);
    written.map_err(|refused| Outcome::Respond(unwritable(refused, head.connection, context)))?;
    if fastcgi || backend.http2 {
        // A login is bound to a connection of HTTP/1.1; those of HTTP/2 carry requests of many.
        (stream.logs_in, stream.single_client) = (false, stream.single_client && !backend.http2);
    }
    Ok(policy)
}

/// Notes the upgrade that a request asks for. Returns it.
fn note_upgrade<'a>(stream: &mut Stream, head: &RequestHead<'a>, clients: &Clients) -> Result<&'a [u8], Outcome> {
    // An upgraded connection is a lease.
    if !stream.multiplexed && !clients.has_room_for(head.connection) {
        return Err(Outcome::Respond(503));
    }
    stream.upgrade = head.upgrade.to_vec();
    stream.key = head.fields.all(b"sec-websocket-key").next().unwrap_or_default().to_vec();
    Ok(head.upgrade)
}

/// Returns the head with the target for the application, of a request that has come by a link as
/// its policy wants it.
fn signed<'a>(
    head: &RequestHead<'a>,
    policy: &Policy,
    policies: &Policies,
    context: &Context<'_>,
) -> Result<RequestHead<'a>, Outcome> {
    let Some(links) = &policy.settings.signed_links else { return Ok(*head) };
    let checked = signed_link::check(head, links, &policies.keys);
    let target = checked.map_err(|status| {
        context.counters.add(count::LINKS_REFUSED, 1);
        Outcome::Respond(status)
    })?;
    Ok(RequestHead { target, ..*head })
}

/// Returns the policy of a request whose site, host and path belong together. Another one is no
/// mistake of a client, but of a parse that is not itself any more.
fn policy_of<'a>(
    head: &RequestHead<'_>,
    settings: &Settings,
    policies: &'a Policies,
    context: &Context<'_>,
) -> Result<&'a Policy, Outcome> {
    let site = usize::try_from(head.site).ok().and_then(|site| settings.sites.get(site));
    let site = site.ok_or(Outcome::Respond(421))?;
    if !policies.owns(head.site, site.default, head.host) {
        context.counters.add(count::PROTOCOL_REFUSED, 1);
        warning(PROGRAM, format_args!("event=host-of-another-site host={} site={}", Escaped(head.host), head.site));
        return Err(Outcome::Respond(421));
    }
    policies.of_request(head).ok_or_else(|| {
        context.counters.add(count::PROTOCOL_REFUSED, 1);
        let (target, policy) = (Escaped(head.received_target()), head.policy);
        warning(PROGRAM, format_args!("event=policy-of-another-path target={target} policy={policy}"));
        Outcome::Respond(421)
    })
}

/// Notes what the response will have by the policy, for which the request's head is needed.
fn prepare_response(stream: &mut Stream, head: &RequestHead<'_>, policy: &Policy) {
    stream.inspected = policy.settings.inspect_responses;
    stream.wanted_coding = Wanted::of(head, policy);
    if policy.response.have_variables {
        stream.values = Some(Box::new(with_facts(head, |facts| policy.response.values(facts))));
    }
    stream.send_file = SendFile::of(head, policy);
    if policy.settings.prefixes.is_some() {
        stream.authority = prefix::authority(head);
    }
}

/// Logs why a head was not written, where that is no choice of the site. Returns the status of the
/// response.
fn unwritable(refused: Refused, connection: u64, context: &Context<'_>) -> u16 {
    match refused {
        Refused::Unwritable(why) => {
            context.counters.add(count::PROTOCOL_REFUSED, 1);
            warning(PROGRAM, format_args!("event=unwritable-request connection={connection} why=\"{why}\""));
            400
        }
        Refused::Underscore => 400,
        Refused::NoScript => 404,
        Refused::NoLength => 411,
        Refused::NoServer => 503,
        Refused::TooLong | Refused::TooMuchToSearch => 431,
    }
}
