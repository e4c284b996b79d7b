//! Directives of ModSecurity that this engine has no use for: the arguments each may have all the
//! same, and the reason.
//!
//! None is passed over in silence. What no verdict depends on loads and is noted
//! ([`Ruleset::notes`](crate::Ruleset::notes)); what asks for something that is not there is an
//! error that says what to do instead.

/// The treatment of such a directive.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meaning {
    /// Loads, whatever it says, and is noted.
    Idle,
    /// Loads if its last word is one of these, which ask for nothing or for what is so anyway; else
    /// it is refused.
    Only(&'static [&'static str]),
    /// Refused.
    Refused,
}

/// A directive, its meaning and the reason.
pub(crate) struct Known {
    pub name: &'static str,
    pub meaning: Meaning,
    pub reason: &'static str,
}

use Meaning::{Idle, Only, Refused};

macro_rules! known {
    ($( $name:literal $meaning:expr, $reason:expr; )*) => {
        &[ $( Known { name: $name, meaning: $meaning, reason: $reason }, )* ]
    };
}

const OFF: Meaning = Only(&["Off"]);
const LOGS: &str = "where logs go is the business of fosse-log";
const FILES: &str = "no files are made";
const CONNECTIONS: &str = "connections are limited by fosse-accept: see connections_max in fosse.toml";
const TIMEOUTS: &str = "slow clients are ended by fosse-parse: see its timeouts in fosse.toml";
const LINKS: &str = "no links are signed; take the line out";
const PDF: &str = "PDF files are not protected, current readers need no such thing; take the line out";
const UNICODE: &str = "only the mapping of code page 20127 (US-ASCII) is built in";
const LINEAR: &str = "patterns run in linear time, and those that cannot have a step limit of their own";

/// All such directives.
pub(crate) const KNOWN: &[Known] = known! {
    "SecAuditLog" Idle, LOGS;
    "SecAuditLog2" Idle, LOGS;
    "SecAuditLogDirMode" Idle, FILES;
    "SecAuditLogFileMode" Idle, FILES;
    "SecAuditLogFormat" Idle, "the audit log is JSON lines";
    "SecAuditLogStorageDir" Idle, FILES;
    "SecAuditLogType" Idle, "the audit log is one stream of lines";
    "SecCacheTransformations" Idle, "every transformation is made once for each value anyway";
    "SecChrootDir" Idle, "the whole program is locked down, file system included";
    "SecConnEngine" OFF, CONNECTIONS;
    "SecConnReadStateLimit" Only(&["0"]), TIMEOUTS;
    "SecConnWriteStateLimit" Only(&["0"]), TIMEOUTS;
    "SecContentInjection" OFF, "responses are not changed; take the line out";
    "SecDataDir" Idle, "persistent collections are kept by a program of their own";
    "SecDebugLog" Idle, LOGS;
    "SecDebugLogLevel" Idle, "`fosse rules explain` shows what each rule did";
    "SecDisableBackendCompression" Idle, "what a backend may compress is the business of fosse-dispatch";
    "SecGeoLookupDb" Refused, "no geographic data base is built in; filter addresses by deny lists in fosse.toml";
    "SecGsbLookupDb" Refused, "the Safe Browsing data is not built in; take the line out";
    "SecGuardianLog" Refused, "no program is fed with a log; read the access log of fosse-log";
    "SecHashEngine" OFF, LINKS;
    "SecHashKey" Refused, LINKS;
    "SecHashMethodPm" Refused, LINKS;
    "SecHashMethodRx" Refused, LINKS;
    "SecHashParam" Refused, LINKS;
    "SecHttpBlKey" Refused, "there are no look-ups in the DNS; take the line out";
    "SecInterceptOnError" OFF, "what a rule cannot decide sets TX:MSC_PCRE_LIMITS_EXCEEDED or TX:MSC_PCRE_ERROR; write a rule that denies on TX:/^MSC_/";
    "SecPcreMatchLimit" Idle, LINEAR;
    "SecPcreMatchLimitRecursion" Idle, LINEAR;
    "SecPdfProtect" OFF, PDF;
    "SecPdfProtectMethod" Refused, PDF;
    "SecPdfProtectSecret" Refused, PDF;
    "SecPdfProtectTimeout" Refused, PDF;
    "SecPdfProtectTokenName" Refused, PDF;
    "SecReadStateLimit" Only(&["0"]), TIMEOUTS;
    "SecRemoteRules" Refused, "rules are read from files only; put the file beside the others and Include it";
    "SecRemoteRulesFailAction" Refused, "rules are read from files only; take the line out";
    "SecRequestBodyInMemoryLimit" Idle, "bodies are held in memory up to SecRequestBodyLimit";
    "SecRequestEncoding" Refused, "bytes are judged as they are; write a rule that refuses character sets your application does not read";
    "SecRuleInheritance" Only(&["On"]), "there is one context; give a site other rules in fosse.toml";
    "SecRulePerfTime" Idle, "`fosse rules bench` measures";
    "SecRuleScript" Refused, "it runs a program, and this engine runs none; write the rule in SecLang";
    "SecSensorId" Idle, "the audit log names the site";
    "SecServerSignature" Idle, "the Server field is removed by fosse-dispatch";
    "SecStatusEngine" Idle, "nothing leaves the host by itself";
    "SecStreamInBodyInspection" Only(&["On", "Off"]), "STREAM_INPUT_BODY is there for every rule that names it";
    "SecStreamOutBodyInspection" Only(&["On", "Off"]), "STREAM_OUTPUT_BODY is there for every rule that names it";
    "SecTmpDir" Idle, FILES;
    "SecTmpSaveUploadedFiles" Idle, "uploaded files are in FILES_TMP_CONTENT for every rule that names it";
    "SecUnicodeCodePage" Only(&["20127"]), UNICODE;
    "SecUnicodeMap" Only(&["20127"]), UNICODE;
    "SecUnicodeMapFile" Only(&["20127"]), UNICODE;
    "SecUploadDir" Idle, FILES;
    "SecUploadFileMode" Idle, FILES;
    "SecUploadKeepFiles" OFF, "uploaded files are not kept; let the application keep them";
    "SecWriteStateLimit" Only(&["0"]), TIMEOUTS;
    "SecXmlExternalEntity" OFF, "entities are never expanded; take the line out";
};

/// Finds a directive by name, without regard to case.
pub(crate) fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

impl Known {
    /// Judges the directive by its last word; returns a note, or the reason it is refused.
    pub(crate) fn judge(&self, last: &str) -> Result<String, String> {
        let Known { name, reason, .. } = self;
        let refused = |expected: &str| Err(format!("{name} {last} is not available: {reason}{expected}"));
        match self.meaning {
            Idle => Ok(format!("{name} changes nothing: {reason}")),
            Only(words) if words.iter().any(|word| word.eq_ignore_ascii_case(last)) => {
                Ok(format!("{name} changes nothing: {reason}"))
            }
            Only(words) => refused(&format!("; expected {}", words.join(" or "))),
            Refused => Err(format!("{name} is not available: {reason}")),
        }
    }
}
