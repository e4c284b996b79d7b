//! A request that has just come: it is routed, written for its backend, or refused.

use fosse_counters::dispatch as count;
use fosse_die::{Escaped, warning};
use fosse_settings::Dispatch as Settings;
use fosse_wire::request::{BodyLength, RequestHead};

use super::{
    Outcome, affinity, buffering,
    clients::Clients,
    refused::Refused,
    request::offers_upgrade,
    response,
    stream::{Buffering, Stream, Wait},
};
use crate::{PROGRAM, context::Context};

/// Routes and writes a request.
pub(crate) fn admit(
    stream: &mut Stream,
    head: &RequestHead<'_>,
    settings: &Settings,
    clients: &Clients,
    context: &mut Context<'_>,
) -> Outcome {
    match route(stream, head, settings, clients, context) {
        Ok(()) if stream.buffering == Buffering::No => Outcome::Connect,
        Ok(()) => {
            buffering::begin(stream, context);
            Outcome::Continue
        }
        Err(status) => Outcome::Respond(status),
    }
}

/// Routes and writes a request, or returns the status of the response where it may not go on.
fn route(
    stream: &mut Stream,
    head: &RequestHead<'_>,
    settings: &Settings,
    clients: &Clients,
    context: &mut Context<'_>,
) -> Result<(), u16> {
    let site = settings.sites.get(stream.site).ok_or(421u16)?;
    if !fosse_routing::owns(site, head.host) {
        context.counters.add(count::PROTOCOL_REFUSED, 1);
        warning(PROGRAM, format_args!("event=host-of-another-site host={} site={}", Escaped(head.host), head.site));
        return Err(421);
    }
    let number = fosse_routing::backend(site, head.target).ok_or(404u16)?;
    let backend = settings.backends.get(number).ok_or(502u16)?;
    let fastcgi = backend.fastcgi.is_some();
    let buffering = Buffering::of(head, fastcgi);
    (stream.backend, stream.routed) = (number, true);
    stream.wanted.affinity = affinity::of(head, stream.source(), backend);
    stream.inspected = site.inspect_responses;
    stream.fastcgi = fastcgi;
    stream.buffering = buffering;
    let waits = head.expect_continue && head.held == 0 && !matches!(head.body, BodyLength::None | BodyLength::Exact(0));
    if waits && !fastcgi {
        stream.wait = Wait::Continue;
    }
    let upgrades = offers_upgrade(head, backend);
    // An upgraded connection is a lease.
    if upgrades && !clients.has_room_for(head.connection) {
        return Err(503);
    }
    if upgrades {
        stream.upgrade = head.upgrade.to_vec();
        stream.key = head.fields.all(b"sec-websocket-key").next().unwrap_or_default().to_vec();
    }
    let head = RequestHead { upgrade: if upgrades { head.upgrade } else { b"" }, ..*head };
    stream.write_head(&head, site, backend, waits).map_err(|refused| unwritable(refused, head.connection, context))?;
    if fastcgi {
        // A login is bound to a connection of HTTP.
        stream.logs_in = false;
        if waits {
            // FastCGI has no word for it: the body may always come.
            response::go_on(&mut context.shared.output.outbox, stream.id);
        }
    }
    Ok(())
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
        Refused::TooLong => 431,
    }
}
