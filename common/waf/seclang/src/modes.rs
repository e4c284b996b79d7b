//! The choices of directives and `ctl`, each a word.

/// The application of rules (SecRuleEngine).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Rules run and deny.
    On,
    /// No rule runs.
    Off,
    /// Rules run and are logged; none denies.
    DetectionOnly,
}

impl Mode {
    /// Reads the word that rules have for it, in any case.
    pub(crate) fn from_word(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "on" => Some(Mode::On),
            "off" => Some(Mode::Off),
            "detectiononly" => Some(Mode::DetectionOnly),
            _ => None,
        }
    }
}

/// The parser of a request body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Processor {
    /// application/x-www-form-urlencoded.
    Urlencoded,
    /// multipart/form-data.
    Multipart,
    /// JSON.
    Json,
    /// XML.
    Xml,
}

impl Processor {
    /// Reads the word that rules have for it, in any case.
    pub(crate) fn from_word(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "URLENCODED" => Some(Processor::Urlencoded),
            "MULTIPART" => Some(Processor::Multipart),
            "JSON" => Some(Processor::Json),
            "XML" => Some(Processor::Xml),
            _ => None,
        }
    }

    /// Returns the name REQBODY_PROCESSOR has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Processor::Urlencoded => "URLENCODED",
            Processor::Multipart => "MULTIPART",
            Processor::Json => "JSON",
            Processor::Xml => "XML",
        }
    }
}

/// The transactions that the audit log has (SecAuditEngine).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audit {
    /// Every transaction is logged.
    On,
    /// None is.
    Off,
    /// Those that a rule with `auditlog` matched, or whose status is one to log.
    RelevantOnly,
}

impl Audit {
    /// Reads the word that rules have for it, in any case.
    pub(crate) fn from_word(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "on" => Some(Audit::On),
            "off" => Some(Audit::Off),
            "relevantonly" => Some(Audit::RelevantOnly),
            _ => None,
        }
    }
}

/// The treatment of a body over its limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LimitAction {
    /// The request gets 413 (a response 500).
    Reject,
    /// The first bytes, up to the limit, are looked at; the rest passes unseen, and the log says
    /// so.
    ProcessPartial,
}

impl LimitAction {
    /// Reads the word that rules have for it, in any case.
    pub(crate) fn from_word(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "reject" => Some(LimitAction::Reject),
            "processpartial" => Some(LimitAction::ProcessPartial),
            _ => None,
        }
    }
}

/// Elements of XML bodies as arguments (SecParseXmlIntoArgs).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum XmlArguments {
    /// They do not.
    Off,
    /// Every element without elements in it is an argument too: `xml.a.b`.
    On,
    /// They are arguments, and nothing is in `XML`.
    Only,
}

impl XmlArguments {
    /// Reads the word that rules have for it, in any case.
    pub(crate) fn from_word(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "on" => Some(XmlArguments::On),
            "off" => Some(XmlArguments::Off),
            "onlyargs" => Some(XmlArguments::Only),
            _ => None,
        }
    }
}

/// Values that are masked in logs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sanitise {
    /// Arguments of this name.
    Argument,
    /// The value the rule matched.
    Matched,
    /// Request headers of this name.
    RequestHeader,
    /// Response headers of this name.
    ResponseHeader,
}
