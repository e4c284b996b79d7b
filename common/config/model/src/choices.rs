//! The words that keys take.

use crate::value::words;

words! {
    /// Scheduling of the programs that a request passes through.
    Scheduling {
        /// One with little to do runs as soon as it wakes up (nice -10); a busy one has nice 0, and
        /// where it reads from clients, SCHED_BATCH.
        Auto = "auto",
        /// All are treated as busy.
        Batch = "batch",
        /// As the service manager has set them: policy and nice value of fosse-start. Of processes
        /// that are started from then on.
        Inherit = "inherit",
    } "\"auto\", \"batch\" or \"inherit\""
}

words! {
    /// A coding of files that lie beside others.
    Coding {
        /// NAME.br
        Brotli = "br",
        /// NAME.zst
        Zstd = "zstd",
        /// NAME.gz
        Gzip = "gzip",
    } "\"br\", \"zstd\" or \"gzip\""
}

words! {
    /// Form of the access log.
    AccessFormat {
        /// A JSON object a line.
        Json = "json",
        /// The Combined Log Format.
        Combined = "combined",
    } "\"json\" or \"combined\""
}

words! {
    /// Mode of the web application firewall for a site.
    Waf {
        /// Nothing.
        Off = "off",
        /// Evaluates and logs.
        Detect = "detect",
        /// Evaluates, logs and denies.
        Block = "block",
    } "\"off\", \"detect\" or \"block\""
}

words! {
    /// Headers in which trusted proxies name their client.
    TrustedFields {
        /// X-Forwarded-For, -Proto and the others of their kind.
        XForwarded = "x-forwarded",
        /// Forwarded (RFC 7239).
        Forwarded = "forwarded",
    } "\"x-forwarded\" or \"forwarded\""
}

words! {
    /// The proof that an authority asks for.
    Challenge {
        /// A path at port 80 (RFC 8555, section 8.3).
        Http01 = "http-01",
        /// A handshake at port 443 (RFC 8737).
        TlsAlpn01 = "tls-alpn-01",
    } "\"http-01\" or \"tls-alpn-01\""
}

words! {
    /// A version of TLS.
    TlsVersion {
        /// RFC 5246
        Tls12 = "1.2",
        /// RFC 8446
        Tls13 = "1.3",
    } "\"1.2\" or \"1.3\""
}

words! {
    /// Treatment of clients that name a host that no certificate has.
    UnknownNames {
        /// The handshake ends.
        Refuse = "refuse",
        /// The first certificate is shown.
        Default = "default",
    } "\"refuse\" or \"default\""
}

words! {
    /// Treatment of clients without a certificate, where they are asked for one.
    ClientCertificates {
        /// They are refused.
        Required = "required",
        /// They are let in.
        Optional = "optional",
    } "\"required\" or \"optional\""
}

words! {
    /// Response headers that browsers obey.
    SecurityHeaders {
        /// Those of the application alone.
        Off = "off",
        /// Those that break hardly any application.
        Basic = "basic",
        /// All of them.
        Strict = "strict",
    } "\"off\", \"basic\" or \"strict\""
}

words! {
    /// Treatment of request headers with an underscore in their name.
    Underscores {
        /// They are left out.
        Drop = "drop",
        /// They are passed on.
        Pass = "pass",
        /// The request gets 400.
        Refuse = "refuse",
    } "\"drop\", \"pass\" or \"refuse\""
}

words! {
    /// Treatment of a body over the limit.
    OverLimit {
        /// The request gets 413.
        Reject = "reject",
        /// The first part is inspected, all of it passes, and the log says so.
        PassInPart = "pass-in-part",
    } "\"reject\" or \"pass-in-part\""
}

words! {
    /// Bytes that the decoded path and query may hold.
    Utf8 {
        /// Any.
        Any = "any",
        /// Well-formed UTF-8 only; the rest is denied.
        Require = "require",
    } "\"any\" or \"require\""
}

words! {
    /// Choice of the server for a request.
    Balance {
        /// In turn.
        RoundRobin = "round-robin",
        /// To the server with the fewest requests under way.
        LeastConnections = "least-connections",
        /// To the one that consistent hashing has for it.
        Hash = "hash",
    } "\"round-robin\", \"least-connections\" or \"hash\""
}

words! {
    /// The protocol that servers speak.
    BackendProtocol {
        /// HTTP/1.1.
        Http1 = "http/1.1",
        /// HTTP/2.
        H2 = "h2",
        /// gRPC, which is HTTP/2.
        Grpc = "grpc",
    } "\"http/1.1\", \"h2\" or \"grpc\""
}

words! {
    /// The PROXY header written to a backend.
    ProxyOut {
        /// None.
        Off = "off",
        /// Version 1, text.
        V1 = "v1",
        /// Version 2, binary.
        V2 = "v2",
    } "\"off\", \"v1\" or \"v2\""
}

words! {
    /// The kinds of addresses that a name is asked for.
    AddressFamily {
        /// IPv4 and IPv6.
        Any = "any",
        /// IPv4 alone.
        Ipv4 = "ipv4",
        /// IPv6 alone.
        Ipv6 = "ipv6",
    } "\"any\", \"ipv4\" or \"ipv6\""
}

words! {
    /// Failures after which a request goes to another server.
    RetryOn {
        /// The server cannot be connected to.
        Connect = "connect",
        /// The connection ends before the first byte of a response.
        Reset = "reset",
        /// That byte does not come in time.
        Timeout = "timeout",
    } "a list of \"connect\", \"reset\" and \"timeout\""
}

words! {
    /// Methods of requests that may reach two servers.
    RetryMethods {
        /// Those without effect.
        Safe = "safe",
        /// Those whose effect is the same when they come twice.
        Idempotent = "idempotent",
        /// All.
        Any = "any",
    } "\"safe\", \"idempotent\" or \"any\""
}

words! {
    /// Kind of the key of a certificate that is ordered.
    KeyType {
        /// ECDSA on P-256
        EcdsaP256 = "ecdsa-p256",
        /// ECDSA on P-384
        EcdsaP384 = "ecdsa-p384",
        /// RSA of 2048 bits
        Rsa2048 = "rsa-2048",
        /// RSA of 3072 bits
        Rsa3072 = "rsa-3072",
        /// RSA of 4096 bits
        Rsa4096 = "rsa-4096",
        /// Ed25519
        Ed25519 = "ed25519",
    } "\"ecdsa-p256\", \"ecdsa-p384\", \"rsa-2048\", \"rsa-3072\", \"rsa-4096\" or \"ed25519\""
}
