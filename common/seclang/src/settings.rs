//! What the directives that are not rules set, and what each known directive means here.

use crate::action::{Audit, Mode, audit, mode, on_off};
use crate::reader::{Argument, Directive};
use fosse_pattern::Regex;
use std::sync::Arc;

/// What happens to a body over its limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LimitAction {
    /// The request gets 413 (a response 500).
    Reject,
    /// The first bytes, up to the limit, are looked at; the rest passes unseen, and the log says so.
    ProcessPartial,
}

/// The settings of a rule set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// SecRuleEngine.
    pub mode: Mode,
    /// SecRequestBodyAccess.
    pub request_body_access: bool,
    /// SecRequestBodyLimit, bytes.
    pub request_body_limit: u64,
    /// SecRequestBodyNoFilesLimit, bytes of a body without its uploaded files.
    pub request_body_no_files_limit: u64,
    /// SecRequestBodyLimitAction.
    pub request_body_limit_action: LimitAction,
    /// SecRequestBodyJsonDepthLimit, levels.
    pub json_depth_limit: u32,
    /// SecArgumentsLimit, arguments.
    pub arguments_limit: u32,
    /// SecUploadFileLimit, files.
    pub upload_file_limit: u32,
    /// SecResponseBodyAccess.
    pub response_body_access: bool,
    /// SecResponseBodyLimit, bytes.
    pub response_body_limit: u64,
    /// SecResponseBodyLimitAction.
    pub response_body_limit_action: LimitAction,
    /// SecResponseBodyMimeType, in lower case; empty: every type.
    pub response_body_types: Vec<String>,
    /// SecArgumentSeparator.
    pub argument_separator: u8,
    /// SecCookieFormat: true for version 1 (quoted values).
    pub cookies_version_1: bool,
    /// SecAuditEngine.
    pub audit: Audit,
    /// SecAuditLogParts.
    pub audit_parts: String,
    /// SecAuditLogRelevantStatus.
    pub audit_relevant_status: Option<Arc<Regex>>,
    /// SecCollectionTimeout, seconds.
    pub collection_timeout_seconds: u32,
    /// SecComponentSignature, in order.
    pub components: Vec<String>,
    /// SecWebAppId.
    pub web_app_id: String,
}

impl Default for Settings {
    /// ModSecurity's defaults, but for SecRequestBodyAccess and SecRuleEngine, which a rule set that says nothing
    /// surely wants.
    fn default() -> Self {
        Self {
            mode: Mode::On,
            request_body_access: true,
            request_body_limit: 134_217_728,
            request_body_no_files_limit: 1_048_576,
            request_body_limit_action: LimitAction::Reject,
            json_depth_limit: 10_000,
            arguments_limit: 1000,
            upload_file_limit: 100,
            response_body_access: false,
            response_body_limit: 524_288,
            response_body_limit_action: LimitAction::Reject,
            response_body_types: vec!["text/plain".into(), "text/html".into()],
            argument_separator: b'&',
            cookies_version_1: false,
            audit: Audit::Off,
            audit_parts: "ABCFHZ".into(),
            audit_relevant_status: None,
            collection_timeout_seconds: 3600,
            components: Vec::new(),
            web_app_id: "default".into(),
        }
    }
}

type Fault = (u32, String);

/// Directives that are accepted and change nothing, each with the reason.
pub(crate) const IDLE: &[(&str, &str)] = &[
    ("SecAuditLog", "where logs go is the business of fosse-log"),
    ("SecAuditLog2", "where logs go is the business of fosse-log"),
    ("SecAuditLogDirMode", "no directories are made"),
    ("SecAuditLogFileMode", "no files are made"),
    ("SecAuditLogFormat", "the audit log is JSON"),
    ("SecAuditLogStorageDir", "no files are made"),
    ("SecAuditLogType", "the audit log is one stream of lines"),
    ("SecCacheTransformations", "every transformation is made once per value anyway"),
    ("SecChrootDir", "the whole program is locked down"),
    ("SecConnEngine", "connection limits belong to fosse-accept"),
    ("SecConnReadStateLimit", "connection limits belong to fosse-accept"),
    ("SecConnWriteStateLimit", "connection limits belong to fosse-accept"),
    ("SecContentInjection", "responses are not changed"),
    ("SecCookieV0Separator", "cookies are separated by `;`, as RFC 6265 says"),
    ("SecDataDir", "persistent collections are kept by fosse-store"),
    ("SecDebugLog", "where logs go is the business of fosse-log"),
    ("SecDebugLogLevel", "`explain` shows what a rule did"),
    ("SecDisableBackendCompression", "response bodies are decoded by the filter"),
    ("SecGeoLookupDb", "no geographic data base is built in"),
    ("SecGsbLookupDb", "the Safe Browsing data is not built in"),
    ("SecGuardianLog", "where logs go is the business of fosse-log"),
    ("SecHashEngine", "no links are signed"),
    ("SecHashKey", "no links are signed"),
    ("SecHashMethodPm", "no links are signed"),
    ("SecHashMethodRx", "no links are signed"),
    ("SecHashParam", "no links are signed"),
    ("SecHttpBlKey", "there are no DNS look-ups"),
    ("SecInterceptOnError", "an error of the engine is a verdict of its own"),
    ("SecParseXmlIntoArgs", "XML is not copied into ARGS"),
    ("SecPcreMatchLimit", "patterns run in linear time; those that cannot have a step limit of their own"),
    ("SecPcreMatchLimitRecursion", "patterns run in linear time; those that cannot have a step limit of their own"),
    ("SecReadStateLimit", "connection limits belong to fosse-accept"),
    ("SecRemoteRulesFailAction", "rules come out of the bundle only"),
    ("SecRequestBodyInMemoryLimit", "bodies are held in memory up to SecRequestBodyLimit"),
    ("SecRequestEncoding", "bytes are judged as they are"),
    ("SecRuleInheritance", "there is one configuration context"),
    ("SecRulePerfTime", "`fosse rules bench` measures"),
    ("SecSensorId", "the audit log names the site"),
    ("SecServerSignature", "the Server header is removed by dispatch"),
    ("SecStatusEngine", "nothing leaves the host by itself"),
    ("SecStreamInBodyInspection", "bodies are looked at whole"),
    ("SecStreamOutBodyInspection", "bodies are looked at whole"),
    ("SecTmpDir", "no files are made"),
    ("SecTmpSaveUploadedFiles", "no files are made"),
    ("SecUnicodeCodePage", "the mapping of code page 20127 is built in"),
    ("SecUnicodeMap", "the mapping of code page 20127 is built in"),
    ("SecUnicodeMapFile", "the mapping of code page 20127 is built in"),
    ("SecUploadDir", "no files are made"),
    ("SecUploadFileMode", "no files are made"),
    ("SecUploadKeepFiles", "no files are made"),
    ("SecWriteStateLimit", "connection limits belong to fosse-accept"),
    ("SecXmlExternalEntity", "entities are never expanded"),
];

/// Directives that are refused, with the reason.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("SecRemoteRules", "rules come out of the bundle only; put the file there and Include it"),
    ("SecRuleScript", "it starts a program, and this engine starts none"),
];

impl Settings {
    /// Applies a directive that is a setting. `None` if it is not one.
    pub(crate) fn apply(&mut self, name: &str, directive: &Directive) -> Option<Result<(), Fault>> {
        let value = Value { directive };
        Some(match name.to_ascii_lowercase().as_str() {
            "secruleengine" => value.read("On, Off or DetectionOnly", mode, &mut self.mode),
            "secrequestbodyaccess" => value.read("On or Off", on_off, &mut self.request_body_access),
            "secrequestbodylimit" => value.read("bytes", number, &mut self.request_body_limit),
            "secrequestbodynofileslimit" => value.read("bytes", number, &mut self.request_body_no_files_limit),
            "secrequestbodylimitaction" => {
                value.read("Reject or ProcessPartial", limit_action, &mut self.request_body_limit_action)
            }
            "secrequestbodyjsondepthlimit" => value.read("levels", number, &mut self.json_depth_limit),
            "secargumentslimit" => value.read("arguments", number, &mut self.arguments_limit),
            "secuploadfilelimit" => value.read("files", number, &mut self.upload_file_limit),
            "secresponsebodyaccess" => value.read("On or Off", on_off, &mut self.response_body_access),
            "secresponsebodylimit" => value.read("bytes", number, &mut self.response_body_limit),
            "secresponsebodylimitaction" => {
                value.read("Reject or ProcessPartial", limit_action, &mut self.response_body_limit_action)
            }
            "secresponsebodymimetype" => {
                self.response_body_types = directive.arguments.iter().map(|word| word.text().to_lowercase()).collect();
                Ok(())
            }
            "secresponsebodymimetypesclear" => {
                self.response_body_types.clear();
                Ok(())
            }
            "secargumentseparator" => value.read("one character", one_byte, &mut self.argument_separator),
            "seccookieformat" => value.read("0 or 1", zero_one, &mut self.cookies_version_1),
            "secauditengine" => value.read("On, Off or RelevantOnly", audit, &mut self.audit),
            "secauditlogparts" => value.read("letters", |text| Some(text.to_owned()), &mut self.audit_parts),
            "secauditlogrelevantstatus" => value.one().and_then(|word| {
                self.audit_relevant_status = Some(crate::action::regex(word)?);
                Ok(())
            }),
            "seccollectiontimeout" => value.read("seconds", number, &mut self.collection_timeout_seconds),
            "seccomponentsignature" => value.one().map(|word| self.components.push(word.text())),
            "secwebappid" => value.read("a name", |text| Some(text.to_owned()), &mut self.web_app_id),
            _ => return None,
        })
    }
}

/// The one argument of a directive.
struct Value<'d> {
    directive: &'d Directive,
}

impl Value<'_> {
    fn one(&self) -> Result<&Argument, Fault> {
        match self.directive.arguments.as_slice() {
            [word] => Ok(word),
            _ => Err((
                self.directive.name.offset(0),
                format!("expected one argument after {}", self.directive.name.text()),
            )),
        }
    }

    fn read<T>(&self, expected: &str, parse: impl Fn(&str) -> Option<T>, place: &mut T) -> Result<(), Fault> {
        let word = self.one()?;
        let text = word.text();
        *place = parse(&text).ok_or_else(|| (word.offset(0), format!("`{text}` will not do; expected {expected}")))?;
        Ok(())
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

fn one_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] => Some(*byte),
        _ => None,
    }
}

fn zero_one(text: &str) -> Option<bool> {
    match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn limit_action(text: &str) -> Option<LimitAction> {
    match text.to_ascii_lowercase().as_str() {
        "reject" => Some(LimitAction::Reject),
        "processpartial" => Some(LimitAction::ProcessPartial),
        _ => None,
    }
}
