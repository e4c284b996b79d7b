//! A site, or one of its routes with all that it takes over from the site.

use fosse_settings::Template;

use crate::backends::Backends;
use crate::choices::{OverLimit, SecurityHeaders, Underscores, Utf8, Waf};
use crate::model::{
    Backend, BasicAuth, Cors, ErrorPage, ForwardAuth, HeaderEdits, Mirror, Retries, Route, SignedLinks, Site,
};
use crate::names::{
    BodyText, Codings, CookieName, ErrorStatus, FieldName, FilePath, FilePattern, LocationText, MediaType, Method,
    Name, Network, ParameterName, PathPrefix, TypePattern,
};
use crate::problem::Span;
use crate::section::At;
use crate::value::{Bytes, Seconds};

/// The terms of the requests of one route, or of those that no route takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy<'a> {
    pub(crate) site: &'a Site,
    pub(crate) route: Option<&'a Route>,
}

/// The treatment of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does<'a> {
    /// It goes to a backend.
    Backend(&'a Name, &'a Span),
    /// Its client is sent elsewhere, with this status.
    Redirect(&'a LocationText, u16),
    /// It gets this response.
    Respond(Respond<'a>),
    /// Nothing is said of it.
    Nothing,
}

/// A response of the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Respond<'a> {
    pub(crate) status: u32,
    pub(crate) body: Option<&'a BodyText>,
    pub(crate) file: Option<&'a FilePath>,
    pub(crate) media_type: &'a At<MediaType>,
}

/// Declares accessors of keys that a route takes over from its site.
macro_rules! inherited {
    ($( $key:ident : $type:ty ),+ $(,)?) => {
        $( pub(crate) fn $key(&self) -> $type {
            self.route.and_then(|route| route.$key.value.clone()).unwrap_or_else(|| self.site.$key.value.clone())
        } )+
    };
}

impl<'a> Policy<'a> {
    /// Iterates over the policies of a site in the order of their numbers: its own, then those of
    /// its routes.
    pub(crate) fn of(site: &'a Site) -> impl Iterator<Item = Self> {
        let routes = site.route.value.iter().map(move |route| Self { site, route: Some(&route.value) });
        std::iter::once(Self { site, route: None }).chain(routes)
    }

    inherited! {
        waf: Waf,
        utf8: Utf8,
        underscores: Underscores,
        security_headers: SecurityHeaders,
        inspect_responses: bool,
        error_json: bool,
        send_request_id: bool,
        rules_milliseconds_max: u32,
        body_bytes_max: Bytes,
        response_bytes_per_second: Bytes,
        response_rate_after_bytes: Bytes,
        body_over_limit: OverLimit,
        cache: bool,
        cache_key_headers: Vec<At<FieldName>>,
        cache_seconds: Seconds,
        cache_errors: bool,
        cache_set_cookie: bool,
        cache_authorized: bool,
        cache_key_only: bool,
        compress: Codings,
        compress_bytes_min: Bytes,
        compress_secrets: bool,
    }

    /// Returns the cookies that are in the key of a cache, where others are left out.
    pub(crate) fn cache_key_cookies(&self) -> Option<&'a [At<CookieName>]> {
        let own = self.route.and_then(|route| route.cache_key_cookies.value.as_deref());
        own.or(self.site.cache_key_cookies.value.as_deref())
    }

    /// Returns the parameters that are in the key of a cache, where others are left out.
    pub(crate) fn cache_key_query(&self) -> Option<&'a [At<ParameterName>]> {
        let own = self.route.and_then(|route| route.cache_key_query.value.as_deref());
        own.or(self.site.cache_key_query.value.as_deref())
    }

    /// Returns whether its responses are kept: those of an application alone are worth it.
    pub(crate) fn caches(&self) -> bool {
        self.cache() && self.backend_name().is_some()
    }

    /// Returns the place of the key that sets the length of bodies.
    pub(crate) fn body_bytes_span(&self) -> &'a Span {
        let own = self.route.map(|route| &route.body_bytes_max).filter(|key| key.value.is_some());
        own.map_or(&self.site.body_bytes_max.span, |key| &key.span)
    }

    /// Returns the place of the key that says what becomes of longer ones.
    pub(crate) fn over_limit_span(&self) -> &'a Span {
        let own = self.route.map(|route| &route.body_over_limit).filter(|key| key.value.is_some());
        own.map_or(&self.site.body_over_limit.span, |key| &key.span)
    }

    /// Returns the rule files.
    pub(crate) fn rules(&self) -> &'a [At<FilePattern>] {
        self.route.and_then(|route| route.rules.value.as_deref()).unwrap_or(&self.site.rules.value)
    }

    /// Returns the media types that are encoded.
    pub(crate) fn compress_types(&self) -> &'a [At<TypePattern>] {
        self.route.and_then(|route| route.compress_types.value.as_deref()).unwrap_or(&self.site.compress_types.value)
    }

    /// Returns whether it has responses of an application encoded.
    pub(crate) fn compresses(&self) -> bool {
        !self.compress().0.is_empty() && self.backend_name().is_some()
    }

    /// Returns the methods, and whether somebody wrote them.
    pub(crate) fn methods(&self) -> (&'a [At<Method>], bool) {
        match self.route.and_then(|route| route.methods.value.as_deref()) {
            Some(methods) => (methods, true),
            None => (&self.site.methods.value, self.site.methods.written().is_some()),
        }
    }

    /// Returns the networks that are let in, and those that are not.
    pub(crate) fn networks(&self) -> (&'a [At<Network>], &'a [At<Network>]) {
        let allowed = self.route.and_then(|route| route.allow_networks.value.as_deref());
        let denied = self.route.and_then(|route| route.deny_networks.value.as_deref());
        (allowed.unwrap_or(&self.site.allow_networks.value), denied.unwrap_or(&self.site.deny_networks.value))
    }

    /// Returns the server that is asked about its requests, where one is, and the place of the
    /// table.
    pub(crate) fn forward_auth(&self) -> Option<(&'a ForwardAuth, &'a Span)> {
        let own = self.route.map(|route| &route.forward_auth).filter(|auth| auth.value.is_some());
        let auth = own.unwrap_or(&self.site.forward_auth);
        Some((auth.value.as_ref()?.on()?, &auth.span))
    }

    /// Returns the links by which requests have to come; `None` where they do not have to.
    pub(crate) fn signed_links(&self) -> Option<&'a SignedLinks> {
        let own = self.route.and_then(|route| route.signed_links.value.as_ref());
        own.or(self.site.signed_links.value.as_ref())?.on()
    }

    /// Returns the users that are let in; `None` where nobody is asked who he is.
    pub(crate) fn basic_auth(&self) -> Option<&'a BasicAuth> {
        let own = self.route.and_then(|route| route.basic_auth.value.as_ref());
        own.or(self.site.basic_auth.value.as_ref())?.on()
    }

    /// Returns the cross-origin requests that pages may make; `None` where the application says it.
    pub(crate) fn cors(&self) -> Option<&'a Cors> {
        let own = self.route.and_then(|route| route.cors.value.as_ref());
        own.or(self.site.cors.value.as_ref())?.on()
    }

    /// Returns the host that the application is asked for.
    pub(crate) fn backend_host(&self) -> Option<&'a Template> {
        let own = self.route.and_then(|route| route.backend_host.value.as_ref());
        own.or(self.site.backend_host.value.as_ref()).map(|text| &text.0)
    }

    /// Returns the changes of headers of the site and of the route: by `of_site` and `of_route`.
    pub(crate) fn edits(
        &self,
        of_site: fn(&'a Site) -> &'a HeaderEdits,
        of_route: fn(&'a Route) -> &'a HeaderEdits,
    ) -> (&'a HeaderEdits, Option<&'a HeaderEdits>) {
        (of_site(self.site), self.route.map(of_route))
    }

    /// Returns one of the limits of heads, and its place: of the route, else of the site, else that
    /// of `[limits]`.
    pub(crate) fn head_limit<T: Copy>(
        &self,
        of_route: fn(&Route) -> &At<Option<T>>,
        of_site: fn(&Site) -> &At<Option<T>>,
        of_all: &'a At<T>,
    ) -> (T, &'a Span) {
        let own = self.route.map(of_route).filter(|key| key.value.is_some()).unwrap_or_else(|| of_site(self.site));
        own.value.map_or((of_all.value, &of_all.span), |value| (value, &own.span))
    }

    /// Returns the time for a body.
    pub(crate) fn body_seconds(&self) -> Option<Seconds> {
        self.route.and_then(|route| route.body_seconds.value).or(self.site.body_seconds.value)
    }

    /// Returns the time for the first byte of a response.
    pub(crate) fn first_byte_seconds(&self) -> Option<Seconds> {
        self.route.and_then(|route| route.first_byte_seconds.value).or(self.site.first_byte_seconds.value)
    }

    /// Returns the time for a silence within a response.
    pub(crate) fn idle_seconds(&self) -> Option<Seconds> {
        self.route.and_then(|route| route.idle_seconds.value).or(self.site.idle_seconds.value)
    }

    /// Returns the copies of its requests; `None` where there are none.
    pub(crate) fn mirror(&self) -> Option<&'a Mirror> {
        let own = self.route.and_then(|route| route.mirror.value.as_ref());
        own.or(self.site.mirror.value.as_ref())?.on()
    }

    /// Returns the terms on which a request goes to another server, and the place of them; `None`
    /// where they are the backend's.
    pub(crate) fn retry(&self) -> Option<(&'a Retries, &'a Span)> {
        let own = self.route.map(|route| &route.retry).filter(|key| key.value.is_some());
        let key = own.unwrap_or(&self.site.retry);
        Some((key.value.as_ref()?, &key.span))
    }

    /// Returns what is done: as the route says it, else as the site does.
    pub(crate) fn does(&self) -> Does<'a> {
        let of_route = self.route.map_or(Does::Nothing, |route| {
            done(
                &route.backend,
                &route.redirect,
                route.redirect_status.0,
                (&route.respond, &route.respond_body, &route.respond_file, &route.respond_type),
            )
        });
        let site = self.site;
        match of_route {
            Does::Nothing => done(
                &site.backend,
                &site.redirect,
                site.redirect_status.0,
                (&site.respond, &site.respond_body, &site.respond_file, &site.respond_type),
            ),
            does => does,
        }
    }

    /// Returns the pages for errors of the route and of the site.
    pub(crate) fn error(self) -> (&'a [At<ErrorPage>], &'a [At<ErrorPage>]) {
        (self.route.map_or(&[], |route| &route.error.value), &self.site.error.value)
    }

    /// Returns the statuses of applications in place of which clients get pages.
    pub(crate) fn intercept_errors(&self) -> &'a [At<ErrorStatus>] {
        let own = self.route.and_then(|route| route.intercept_errors.value.as_deref());
        own.unwrap_or(&self.site.intercept_errors.value)
    }

    /// Returns the headers by which trusted proxies say who a client is.
    /// Returns whether clients of the site are asked for certificates.
    pub(crate) fn asks_for_certificates(&self) -> bool {
        self.site.tls.enabled.value && self.site.tls.client_ca.value.is_some()
    }

    pub(crate) fn identity_headers(&self) -> &'a [At<FieldName>] {
        let own = self.route.and_then(|route| route.identity_headers.value.as_deref());
        own.unwrap_or(&self.site.identity_headers.value)
    }

    /// Returns the headers of trusted proxies about their clients that pass; `None` for all.
    pub(crate) fn proxy_headers(&self) -> Option<&'a [At<FieldName>]> {
        let own = self.route.and_then(|route| route.proxy_headers.value.as_deref());
        own.or(self.site.proxy_headers.value.as_deref())
    }

    /// Returns the backend of the files that applications name, and the beginning of their paths.
    pub(crate) fn send_files(&self) -> Option<(&'a Name, &'a Span, &'a str)> {
        let own = self.route.map(|route| &route.send_files).filter(|key| key.value.is_some());
        let key = own.unwrap_or(&self.site.send_files);
        let prefix = self.route.and_then(|route| route.send_files_prefix.value.as_ref());
        let prefix = prefix.or(self.site.send_files_prefix.value.as_ref());
        Some((key.value.as_ref()?, &key.span, prefix.map_or("", PathPrefix::bare)))
    }

    /// Returns the name of its backend; `None` where it has none.
    pub(crate) fn backend_name(&self) -> Option<(&'a Name, &'a Span)> {
        if let Does::Backend(name, span) = self.does() { Some((name, span)) } else { None }
    }

    /// Returns its backend; `None` where it has none.
    pub(crate) fn backend<'b>(&self, backends: &Backends<'b>) -> Option<&'b Backend> {
        backends.get(self.backend_name()?.0)
    }

    /// Returns whether its rules inspect responses.
    pub(crate) fn inspects(&self) -> bool {
        self.inspect_responses() && self.waf() != Waf::Off && !self.rules().is_empty()
    }

    /// Returns the backend that gets request bodies whole: as the route says it, else the site,
    /// else the backend itself.
    pub(crate) fn whole_for<'b>(&self, backends: &Backends<'b>) -> Option<&'b Backend> {
        let own = self.route.and_then(|route| route.buffer_requests.value).or(self.site.buffer_requests.value);
        self.backend(backends).filter(|backend| own.unwrap_or_else(|| backend.buffers_requests()))
    }

    /// Returns whether calls of gRPC are streams for its backend.
    pub(crate) fn streams_calls(&self, backends: &Backends<'_>) -> bool {
        self.backend(backends).is_some_and(Backend::speaks_grpc)
    }

    /// Returns whether the filter has anything to do for it.
    pub(crate) fn uses_filter(&self, backends: &Backends<'_>) -> bool {
        self.waf() != Waf::Off || self.whole_for(backends).is_some()
    }

    /// Returns whether request bodies are buffered whole: for the firewall, or for the backend.
    pub(crate) fn buffers_whole(&self, backends: &Backends<'_>) -> bool {
        match self.waf() {
            Waf::Off => self.whole_for(backends).is_some(),
            Waf::Detect | Waf::Block => self.body_over_limit() == OverLimit::Reject,
        }
    }
}

/// The keys of a response: its status, body, file and type.
pub(crate) type RespondKeys<'a> =
    (&'a At<Option<u32>>, &'a At<Option<BodyText>>, &'a At<Option<FilePath>>, &'a At<MediaType>);

fn done<'a>(
    backend: &'a At<Option<Name>>,
    redirect: &'a At<Option<LocationText>>,
    redirect_status: u16,
    (respond, body, file, media_type): RespondKeys<'a>,
) -> Does<'a> {
    match (&backend.value, &redirect.value, respond.value) {
        (Some(name), ..) => Does::Backend(name, &backend.span),
        (None, Some(to), _) => Does::Redirect(to, redirect_status),
        (None, None, Some(status)) => {
            let (body, file) = (body.value.as_ref(), file.value.as_ref());
            Does::Respond(Respond { status, body, file, media_type })
        }
        (None, None, None) => Does::Nothing,
    }
}
