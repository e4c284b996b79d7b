//! The line about a request that took long: where the time went.

use fosse_die::{Escaped, info};

use crate::context::Context;
use crate::exchange::Exchange;
use crate::limits::LOGGED_TARGET_BYTES_MAX;
use crate::request::Request;

/// Notes in `asked` what the line of a request would name, where slow ones are logged.
pub(crate) fn begin(asked: &mut Vec<u8>, request: &Request<'_>, context: &Context) {
    asked.clear();
    if context.settings.blob.slow_request_seconds.is_some() {
        let target = &request.target[..request.target.len().min(LOGGED_TARGET_BYTES_MAX)];
        [request.method, b" ", target].iter().for_each(|part| asked.extend_from_slice(part));
    }
}

/// Writes the line, if the exchange that ends now took as long as the configuration says.
pub(crate) fn report(asked: &mut Vec<u8>, exchange: &Exchange, context: &Context) {
    let Some(limit) = context.settings.blob.slow_request_seconds.filter(|_| !asked.is_empty()) else { return };
    let ms = context.now_ms - exchange.begun_ms;
    if u128::from(ms) >= limit.as_millis() {
        line(asked, exchange, ms, context);
    }
    asked.clear();
}

fn line(asked: &[u8], exchange: &Exchange, ms: u64, context: &Context) {
    let Exchange { request, status, begun_ms, head_ms, request_done_ms, .. } = exchange;
    let client = exchange.client.ip().map_or_else(|| "unix".to_owned(), |ip| ip.to_string());
    let site = Escaped(context.settings.site_name(exchange.site).as_bytes());
    // The times from the beginning to each event, as far as it came.
    let until =
        |name: &str, time_ms: u64| if time_ms == 0 { String::new() } else { format!(" {name}={}", time_ms - begun_ms) };
    let (body, head) = (until("request_ms", *request_done_ms), until("head_ms", *head_ms));
    let server = match context.settings.server_name(exchange.backend) {
        "" => String::new(),
        name => format!(" server={name} server_ms={}", exchange.backend_us / 1000),
    };
    info(
        context.program,
        format_args!(
            "event=slow-request request={request:016x} client={client} site={site} asked={} status={status} \
             ms={ms}{body}{head}{server}",
            Escaped(asked)
        ),
    );
}
