//! The part of a request that the cache has to do with.

use fosse_settings::CachePolicy;
use fosse_wire::cache::{Terms, Way};

/// A word about a response in Cache-Status (RFC 9211).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// It was kept.
    #[default]
    Hit,
    /// It was kept, on the disk.
    HitOnDisk,
    /// It was kept, and is made fresh meanwhile.
    Stale,
    /// It was kept, and its application could not be asked.
    StaleOnError,
    /// It was asked for.
    Stored {
        /// Another request had asked for it before.
        collapsed: bool,
        /// Something was kept for requests with other fields.
        varied: bool,
    },
    /// It was kept, and its application has confirmed it.
    Validated {
        /// Another request had asked for that before.
        collapsed: bool,
    },
    /// The route's requests of this kind pass by.
    Bypass,
    /// Its method is not one whose responses are kept.
    Method,
    /// The request wants no kept one.
    Request,
    /// The kept one is for requests with other fields.
    VaryMiss,
    /// The cache had nothing.
    Miss,
}

impl Status {
    /// Returns the value of the field; `ttl` is the time for which it is fresh, in seconds.
    pub(crate) fn value(self, ttl: i64) -> String {
        let collapsed = |collapsed| if collapsed { "; collapsed" } else { "" };
        match self {
            Self::Hit | Self::Stale => format!("fosse; hit; ttl={ttl}"),
            Self::HitOnDisk => format!("fosse; hit; ttl={ttl}; detail=disk"),
            Self::StaleOnError => format!("fosse; hit; ttl={ttl}; detail=stale-if-error"),
            Self::Stored { collapsed: other, varied } => {
                let miss = if varied { "vary-miss" } else { "uri-miss" };
                format!("fosse; fwd={miss}; stored; ttl={ttl}{}", collapsed(other))
            }
            Self::Validated { collapsed: other } => {
                format!("fosse; fwd=stale; fwd-status=304; stored; ttl={ttl}{}", collapsed(other))
            }
            Self::Bypass => "fosse; fwd=bypass".to_owned(),
            Self::Method => "fosse; fwd=method".to_owned(),
            Self::Request => "fosse; fwd=request".to_owned(),
            Self::VaryMiss => "fosse; fwd=vary-miss".to_owned(),
            Self::Miss => "fosse; fwd=miss".to_owned(),
        }
    }
}

/// The lead of a stream for others that want the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lead {
    /// Number of the ask.
    pub(super) tag: u32,
    /// Bytes of a body that are kept.
    pub(super) bytes_max: u64,
    /// Its head has been passed on.
    pub(super) is_kept: bool,
}

/// The reason why a kept response is sent in place of the application's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// The application has confirmed it.
    Confirmed,
    /// The application has failed.
    Stale,
}

/// The part of a request that the cache has to do with.
#[derive(Debug, Default)]
pub(crate) struct Cached {
    /// The word about its response.
    pub(crate) status: Status,
    /// Its key; empty where none is needed any more.
    pub(crate) key: Vec<u8>,
    /// The cache is to be asked.
    pub(crate) asks: bool,
    /// Times that the cache was asked for another variant of its response.
    pub(crate) turns: u8,
    /// Its fields, as they lie in a frame, until there is a reply.
    pub(crate) fields: Vec<u8>,
    /// Number of the ask that it waits for; 0 for none.
    pub(crate) tag: u32,
    /// The terms of its route.
    pub(crate) terms: Terms,
    /// Seconds for which its response is fresh, where it is passed on to be kept.
    pub(crate) ttl_s: i64,
    /// Number of its site.
    pub(crate) site: u32,
    /// The kept response has to be confirmed for it.
    pub(crate) validate: bool,
    /// The way to what is not kept.
    pub(crate) way: Way,
    /// The fields, as they lie in a frame, with which the application may be asked besides those of
    /// its key.
    pub(crate) more: Vec<u8>,
    /// The response is passed on to the cache.
    pub(crate) lead: Option<Lead>,
    /// Place and hash of what is kept, which the application is asked to confirm.
    pub(crate) confirms: Option<(u64, u64)>,
    /// The application has been asked whether that still holds.
    pub(crate) is_asked: bool,
    /// The kept one is sent in place of the application's response.
    pub(crate) instead: Option<Instead>,
    /// A response that is no error changes what its target has.
    pub(crate) changes: bool,
}

/// Returns the terms of a route.
pub(super) fn terms(policy: &CachePolicy, authorized: bool) -> Terms {
    Terms {
        set_cookie: policy.cache_set_cookie,
        errors: policy.cache_errors,
        authorized,
        silent_seconds: u32::try_from(policy.cache_seconds.as_secs()).unwrap_or(u32::MAX),
    }
}

/// Returns the time since 1970 in seconds.
pub(super) fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
