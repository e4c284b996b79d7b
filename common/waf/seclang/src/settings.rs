//! The settings of the directives that are not rules.

use crate::action::{audit_parts, on_off};
use crate::modes::{Audit, LimitAction, Mode, XmlArguments};
use crate::reader::{Argument, Directive};
use fosse_pattern::Regex;
use std::sync::Arc;

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
    /// SecResponseBodyMimeType, in lower case: types whose bodies are looked at; `null` for
    /// responses that name none.
    pub response_body_types: Vec<String>,
    /// The rules have named or cleared them: what they name next adds to it.
    pub(crate) response_body_types_named: bool,
    /// SecArgumentSeparator.
    pub argument_separator: u8,
    /// SecCookieFormat: true for version 1 (quoted values).
    pub cookies_version_1: bool,
    /// SecCookieV0Separator: the byte between cookies.
    pub cookie_separator: u8,
    /// SecParseXmlIntoArgs.
    pub xml_arguments: XmlArguments,
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
    /// Returns ModSecurity's defaults, but for SecRequestBodyAccess and SecRuleEngine, which a rule
    /// set that does not set them surely wants.
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
            response_body_types_named: false,
            argument_separator: b'&',
            cookies_version_1: false,
            cookie_separator: b';',
            xml_arguments: XmlArguments::Off,
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

impl Settings {
    /// Applies a directive that is a setting. `None` if it is not one.
    #[expect(clippy::too_many_lines, reason = "one arm for each setting")]
    pub(crate) fn apply(&mut self, name: &str, directive: &Directive) -> Option<Result<(), Fault>> {
        let value = Value { directive };
        Some(match name.to_ascii_lowercase().as_str() {
            "secruleengine" => value.read("On, Off or DetectionOnly", Mode::from_word, &mut self.mode),
            "secrequestbodyaccess" => value.read("On or Off", on_off, &mut self.request_body_access),
            "secrequestbodylimit" => value.read("bytes", number, &mut self.request_body_limit),
            "secrequestbodynofileslimit" => value.read("bytes", number, &mut self.request_body_no_files_limit),
            "secrequestbodylimitaction" => {
                value.read("Reject or ProcessPartial", LimitAction::from_word, &mut self.request_body_limit_action)
            }
            "secrequestbodyjsondepthlimit" => value.read("levels", number, &mut self.json_depth_limit),
            "secargumentslimit" => value.read("arguments", number, &mut self.arguments_limit),
            "secuploadfilelimit" => value.read("files", number, &mut self.upload_file_limit),
            "secresponsebodyaccess" => value.read("On or Off", on_off, &mut self.response_body_access),
            "secresponsebodylimit" => value.read("bytes", number, &mut self.response_body_limit),
            "secresponsebodylimitaction" => {
                value.read("Reject or ProcessPartial", LimitAction::from_word, &mut self.response_body_limit_action)
            }
            "secresponsebodymimetype" => {
                self.response_body_types(directive);
                Ok(())
            }
            "secresponsebodymimetypesclear" => {
                self.response_body_types.clear();
                self.response_body_types_named = true;
                Ok(())
            }
            "secargumentseparator" => value.read("one character", one_byte, &mut self.argument_separator),
            "seccookieformat" => value.read("0 or 1", zero_one, &mut self.cookies_version_1),
            "secauditengine" => value.read("On, Off or RelevantOnly", Audit::from_word, &mut self.audit),
            "seccookiev0separator" => value.read("one character", one_byte, &mut self.cookie_separator),
            "secparsexmlintoargs" => {
                value.read("On, Off or OnlyArgs", XmlArguments::from_word, &mut self.xml_arguments)
            }
            "secauditlogparts" => value.read("letters from A to K, and Z", audit_parts, &mut self.audit_parts),
            "secauditlogrelevantstatus" => value.one().and_then(|word| {
                self.audit_relevant_status = Some(crate::action::regex(word)?);
                Ok(())
            }),
            "seccollectiontimeout" => value.read("seconds", number, &mut self.collection_timeout_seconds),
            "seccomponentsignature" => value.one().map(|word| self.components.push(word.text())),
            "secwebappid" => value.read("a name of at most 64 bytes", application, &mut self.web_app_id),
            _ => return None,
        })
    }

    /// Applies SecResponseBodyMimeType: the first directive replaces the defaults, each further one
    /// adds to them.
    fn response_body_types(&mut self, directive: &Directive) {
        if !std::mem::replace(&mut self.response_body_types_named, true) {
            self.response_body_types.clear();
        }
        self.response_body_types.extend(directive.arguments.iter().map(|word| word.text().to_lowercase()));
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

fn application(text: &str) -> Option<String> {
    (text.len() <= fosse_collections::APPLICATION_BYTES_MAX).then(|| text.to_owned())
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
