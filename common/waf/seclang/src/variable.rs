//! The variables of SecLang: what each is called and of which stored kinds it is made.

use crate::store::Collection;

/// The shape of a variable's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// One value, or none.
    Single,
    /// Named values; a selector picks some.
    Collection,
}

macro_rules! variables {
    ($( $variant:ident $name:literal $shape:ident, )*) => {
        /// Every variable of ModSecurity 2 (and the few of version 3 that rule sets written for
        /// both use).
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Variable { $( #[doc = $name] $variant, )* }

        impl Variable {
            /// Every variable, in the order of its number.
            pub(crate) const ALL: &'static [(Variable, &'static str, Shape)] =
                &[ $( (Variable::$variant, $name, Shape::$shape), )* ];
        }
    };
}

variables! {
    Args "ARGS" Collection,
    ArgsCombinedSize "ARGS_COMBINED_SIZE" Single,
    ArgsGet "ARGS_GET" Collection,
    ArgsGetNames "ARGS_GET_NAMES" Collection,
    ArgsNames "ARGS_NAMES" Collection,
    ArgsPost "ARGS_POST" Collection,
    ArgsPostNames "ARGS_POST_NAMES" Collection,
    AuthType "AUTH_TYPE" Single,
    Duration "DURATION" Single,
    Env "ENV" Collection,
    Files "FILES" Collection,
    FilesCombinedSize "FILES_COMBINED_SIZE" Single,
    FilesNames "FILES_NAMES" Collection,
    FilesSizes "FILES_SIZES" Collection,
    FilesTmpContent "FILES_TMP_CONTENT" Collection,
    FullRequest "FULL_REQUEST" Single,
    FullRequestLength "FULL_REQUEST_LENGTH" Single,
    Geo "GEO" Collection,
    Global "GLOBAL" Collection,
    HighestSeverity "HIGHEST_SEVERITY" Single,
    InboundDataError "INBOUND_DATA_ERROR" Single,
    Ip "IP" Collection,
    MatchedVar "MATCHED_VAR" Single,
    MatchedVarName "MATCHED_VAR_NAME" Single,
    MatchedVars "MATCHED_VARS" Collection,
    MatchedVarsNames "MATCHED_VARS_NAMES" Collection,
    ModsecBuild "MODSEC_BUILD" Single,
    MscPcreError "MSC_PCRE_ERROR" Single,
    MscPcreLimitsExceeded "MSC_PCRE_LIMITS_EXCEEDED" Single,
    MultipartBoundaryQuoted "MULTIPART_BOUNDARY_QUOTED" Single,
    MultipartBoundaryWhitespace "MULTIPART_BOUNDARY_WHITESPACE" Single,
    MultipartCrlfLfLines "MULTIPART_CRLF_LF_LINES" Single,
    MultipartDataAfter "MULTIPART_DATA_AFTER" Single,
    MultipartDataBefore "MULTIPART_DATA_BEFORE" Single,
    MultipartFileLimitExceeded "MULTIPART_FILE_LIMIT_EXCEEDED" Single,
    MultipartFilename "MULTIPART_FILENAME" Collection,
    MultipartHeaderFolding "MULTIPART_HEADER_FOLDING" Single,
    MultipartInvalidHeaderFolding "MULTIPART_INVALID_HEADER_FOLDING" Single,
    MultipartInvalidPart "MULTIPART_INVALID_PART" Single,
    MultipartInvalidQuoting "MULTIPART_INVALID_QUOTING" Single,
    MultipartLfLine "MULTIPART_LF_LINE" Single,
    MultipartMissingSemicolon "MULTIPART_MISSING_SEMICOLON" Single,
    MultipartName "MULTIPART_NAME" Collection,
    MultipartPartHeaders "MULTIPART_PART_HEADERS" Collection,
    MultipartStrictError "MULTIPART_STRICT_ERROR" Single,
    MultipartUnmatchedBoundary "MULTIPART_UNMATCHED_BOUNDARY" Single,
    OutboundDataError "OUTBOUND_DATA_ERROR" Single,
    QueryString "QUERY_STRING" Single,
    RemoteAddr "REMOTE_ADDR" Single,
    RemoteHost "REMOTE_HOST" Single,
    RemotePort "REMOTE_PORT" Single,
    RemoteUser "REMOTE_USER" Single,
    ReqbodyError "REQBODY_ERROR" Single,
    ReqbodyErrorMsg "REQBODY_ERROR_MSG" Single,
    ReqbodyProcessor "REQBODY_PROCESSOR" Single,
    ReqbodyProcessorError "REQBODY_PROCESSOR_ERROR" Single,
    ReqbodyProcessorErrorMsg "REQBODY_PROCESSOR_ERROR_MSG" Single,
    RequestBasename "REQUEST_BASENAME" Single,
    RequestBody "REQUEST_BODY" Single,
    RequestBodyLength "REQUEST_BODY_LENGTH" Single,
    RequestCookies "REQUEST_COOKIES" Collection,
    RequestCookiesNames "REQUEST_COOKIES_NAMES" Collection,
    RequestFilename "REQUEST_FILENAME" Single,
    RequestHeaders "REQUEST_HEADERS" Collection,
    RequestHeadersNames "REQUEST_HEADERS_NAMES" Collection,
    RequestLine "REQUEST_LINE" Single,
    RequestMethod "REQUEST_METHOD" Single,
    RequestProtocol "REQUEST_PROTOCOL" Single,
    RequestUri "REQUEST_URI" Single,
    RequestUriRaw "REQUEST_URI_RAW" Single,
    Resource "RESOURCE" Collection,
    ResponseBody "RESPONSE_BODY" Single,
    ResponseContentLength "RESPONSE_CONTENT_LENGTH" Single,
    ResponseContentType "RESPONSE_CONTENT_TYPE" Single,
    ResponseHeaders "RESPONSE_HEADERS" Collection,
    ResponseHeadersNames "RESPONSE_HEADERS_NAMES" Collection,
    ResponseProtocol "RESPONSE_PROTOCOL" Single,
    ResponseStatus "RESPONSE_STATUS" Single,
    Rule "RULE" Collection,
    ServerAddr "SERVER_ADDR" Single,
    ServerName "SERVER_NAME" Single,
    ServerPort "SERVER_PORT" Single,
    Session "SESSION" Collection,
    Sessionid "SESSIONID" Single,
    StatusLine "STATUS_LINE" Single,
    StreamInputBody "STREAM_INPUT_BODY" Single,
    StreamOutputBody "STREAM_OUTPUT_BODY" Single,
    Time "TIME" Single,
    TimeDay "TIME_DAY" Single,
    TimeEpoch "TIME_EPOCH" Single,
    TimeHour "TIME_HOUR" Single,
    TimeMin "TIME_MIN" Single,
    TimeMon "TIME_MON" Single,
    TimeSec "TIME_SEC" Single,
    TimeWday "TIME_WDAY" Single,
    TimeYear "TIME_YEAR" Single,
    Tx "TX" Collection,
    UniqueId "UNIQUE_ID" Single,
    UrlencodedError "URLENCODED_ERROR" Single,
    User "USER" Collection,
    UseragentIp "USERAGENT_IP" Single,
    Userid "USERID" Single,
    Webappid "WEBAPPID" Single,
    Xml "XML" Collection,
    XmlText "XML" Collection,
    XmlAttributes "XML" Collection,
    XmlDoctype "XML" Collection,
    XmlNodes "XML" Collection,
}

/// Number of variables: the length of tables indexed by one.
pub(crate) const VARIABLES: usize = Variable::ALL.len();

/// Variables that name another: `REMOTE_*` of version 3 and spellings of earlier versions.
const ALIASES: &[(&str, Variable)] = &[
    ("MULTIPART_INVALID_PART_HEADERS", Variable::MultipartInvalidPart),
    ("RESPONSE_LINE", Variable::StatusLine),
    ("SESSION_ID", Variable::Sessionid),
];

const SCRIPTS: &str = "no scripts run here; expected REQUEST_FILENAME or REQUEST_BASENAME";
const PERFORMANCE: &str = "`fosse rules bench` measures";

/// Variables of ModSecurity that are not there, with the reason; names that end in `*` stand for
/// all that begin so.
const REFUSED: &[(&str, &str)] = &[
    ("FILES_TMPNAMES", "no files are made; expected FILES_TMP_CONTENT, which has what is uploaded"),
    ("PATH_INFO", SCRIPTS),
    ("PERF_*", PERFORMANCE),
    ("SCRIPT_*", SCRIPTS),
    ("SDBM_DELETE_ERROR", "persistent collections are not kept in a file; take it out"),
    ("WEBSERVER_ERROR_LOG", "the logs of this edge and of backends do not pass the rules; take it out"),
];

impl Variable {
    /// Returns the variable's number, below [`VARIABLES`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Finds a variable by name, without regard to case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name)).map(|row| row.0);
        known.or_else(|| ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name)).map(|row| row.1))
    }

    /// Finds a variable by name; the error says why there is none.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let refused = |row: &&(&str, &str)| {
            let upper = name.to_ascii_uppercase();
            row.0.strip_suffix('*').map_or(row.0 == upper, |beginning| upper.starts_with(beginning))
        };
        match (Self::from_name(name), REFUSED.iter().find(refused)) {
            (Some(variable), _) => Ok(variable),
            (None, Some((_, reason))) => Err(format!("variable {name} is not available: {reason}")),
            (None, None) => Err(format!("unknown variable `{name}`")),
        }
    }

    /// Returns the name as rules write it.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self.index()].1
    }

    pub(crate) fn is_collection(self) -> bool {
        Self::ALL[self.index()].2 == Shape::Collection
    }

    /// Returns the variables whose stored values this one shows: ARGS is the query's and the body's
    /// arguments.
    pub(crate) fn stored_as(&self) -> &[Variable] {
        match self {
            Variable::Args => &[Variable::ArgsGet, Variable::ArgsPost],
            Variable::ArgsNames => &[Variable::ArgsGetNames, Variable::ArgsPostNames],
            other => std::slice::from_ref(other),
        }
    }

    /// Returns whether its values stay as they are while the rules of one phase run, so that work
    /// on them can be shared.
    pub(crate) fn is_static(self) -> bool {
        !matches!(
            self,
            Variable::Tx
                | Variable::Env
                | Variable::Rule
                | Variable::Ip
                | Variable::Global
                | Variable::Session
                | Variable::User
                | Variable::Resource
                | Variable::Geo
                | Variable::MatchedVar
                | Variable::MatchedVarName
                | Variable::MatchedVars
                | Variable::MatchedVarsNames
                | Variable::HighestSeverity
                | Variable::Duration
                | Variable::Sessionid
                | Variable::Userid
                | Variable::ReqbodyProcessor
                | Variable::MscPcreError
                | Variable::MscPcreLimitsExceeded
        )
    }

    /// Returns whether a selector is compared with regard to case. Argument and file names are the
    /// application's own words; header, cookie and TX names are not.
    pub(crate) fn selector_minds_case(self) -> bool {
        matches!(
            self,
            Variable::Args
                | Variable::ArgsGet
                | Variable::ArgsPost
                | Variable::ArgsNames
                | Variable::ArgsGetNames
                | Variable::ArgsPostNames
                | Variable::Files
                | Variable::FilesSizes
                | Variable::FilesTmpContent
                | Variable::MultipartFilename
                | Variable::MultipartName
                | Variable::MultipartPartHeaders
        )
    }

    /// Returns whether nothing ever sets it here, though rule sets in use name it: without a
    /// geographic data base there is no country.
    pub(crate) fn is_absent(self) -> bool {
        self == Variable::Geo
    }

    /// Returns the persistent collection that this variable shows, if it is one.
    pub(crate) fn persistent(self) -> Option<Collection> {
        Some(match self {
            Variable::Ip => Collection::Ip,
            Variable::Global => Collection::Global,
            Variable::Session => Collection::Session,
            Variable::User => Collection::User,
            Variable::Resource => Collection::Resource,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_found_by_its_name_in_any_case() {
        for (number, (variable, name, _)) in Variable::ALL.iter().enumerate() {
            assert_eq!(variable.index(), number);
            let found = Variable::from_name(&name.to_lowercase()).unwrap();
            assert_eq!(found.name(), *name);
        }
        assert_eq!(Variable::from_name("ARGS_PUT"), None);
    }
}
