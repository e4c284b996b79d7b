//! Transformation chains as one tree: chains that begin alike share their first steps, and what
//! they yield.

use fosse_transform::Transform;

/// A node of the tree: the value after all transformations from the root to here. 0 is the root,
/// the value itself.
pub(crate) type NodeId = u16;

/// One step of a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub parent: NodeId,
    pub transform: Transform,
    /// The classes of bytes the transformation itself acts on.
    pub own: u32,
    /// The classes of bytes that the chain up to here acts on: a value with none of them comes out
    /// as it went in.
    pub acts_on: u32,
}

/// All chains of a rule set.
#[derive(Clone, Debug)]
pub(crate) struct Pipelines {
    nodes: Vec<Node>,
}

impl Default for Pipelines {
    fn default() -> Self {
        Self { nodes: vec![Node { parent: 0, transform: Transform::None, own: 0, acts_on: 0 }] }
    }
}

impl Pipelines {
    /// Returns the node of a chain, added if it is new.
    pub(crate) fn chain(&mut self, transforms: &[Transform]) -> NodeId {
        transforms.iter().fold(0, |parent, transform| self.step(parent, *transform))
    }

    fn step(&mut self, parent: NodeId, transform: Transform) -> NodeId {
        if transform == Transform::None {
            return parent;
        }
        let known = self.nodes.iter().skip(1).position(|node| node.parent == parent && node.transform == transform);
        if let Some(at) = known {
            return NodeId::try_from(at + 1).unwrap_or_default();
        }
        let own = classes_acted_on(transform);
        let acts_on = self.get(parent).map_or(0, |node| node.acts_on) | own;
        self.nodes.push(Node { parent, transform, own, acts_on });
        NodeId::try_from(self.nodes.len() - 1).unwrap_or(NodeId::MAX)
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(usize::from(node))
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the nodes from the root (inclusive) to `node`, in order: the values `multiMatch`
    /// looks at.
    pub(crate) fn path(&self, node: NodeId) -> Vec<NodeId> {
        let mut path = vec![node];
        while let Some(last) = path.last().copied().filter(|last| *last != 0) {
            path.push(self.get(last).map_or(0, |node| node.parent));
        }
        path.reverse();
        path
    }

    /// Bytes a value has at least, if what the chain makes of it has `made`. `ascii` says that it
    /// has neither bytes over 127 nor NUL.
    pub(crate) fn least_before(&self, node: NodeId, made: usize, ascii: bool) -> usize {
        let steps = self.path(node).into_iter().skip(1).filter_map(|step| self.get(step)).enumerate();
        let steps: Vec<Transform> = steps
            .filter(|(at, step)| !(ascii && *at == 0 && step.transform == Transform::Utf8ToUnicode))
            .map(|(_, step)| step.transform)
            .collect();
        steps.into_iter().rev().fold(made, |made, transform| match growth(transform) {
            Growth::Any => 0,
            Growth::None => made,
            Growth::ThreeForFour => (made * 4).div_ceil(3),
        })
    }

    /// Returns the names of the transformations up to `node`.
    pub(crate) fn names(&self, node: NodeId) -> Vec<&'static str> {
        let steps = self.path(node).into_iter().skip(1);
        steps.filter_map(|step| self.get(step).map(|node| node.transform.name())).collect()
    }
}

const UPPER: u32 = 1;
const LOWER: u32 = 1 << 1;
const DIGIT: u32 = 1 << 2;
const SPACE: u32 = 1 << 3;
pub(crate) const HIGH: u32 = 1 << 4;
pub(crate) const NUL: u32 = 1 << 5;
const PERCENT: u32 = 1 << 6;
const AMPERSAND: u32 = 1 << 7;
const BACKSLASH: u32 = 1 << 8;
const SLASH: u32 = 1 << 9;
const DOT: u32 = 1 << 10;
/// `"`, `'`, `^`, `,` and `;`: what shells drop or split at.
const SHELL: u32 = 1 << 11;
/// `*`, `-`, `#` and `<`: what comments begin with, `/` aside.
const COMMENT: u32 = 1 << 12;
const PLUS: u32 = 1 << 13;
const EQUALS: u32 = 1 << 14;
/// Every other byte.
const OTHER: u32 = 1 << 15;
/// Any value at all, the empty one too.
pub(crate) const ALWAYS: u32 = 1 << 31;

/// Returns the classes of bytes without which a transformation changes nothing.
fn classes_acted_on(transform: Transform) -> u32 {
    match transform {
        Transform::None => 0,
        Transform::CmdLine => UPPER | SPACE | BACKSLASH | SHELL | HIGH,
        Transform::CompressWhitespace | Transform::RemoveWhitespace => SPACE | HIGH,
        Transform::Trim | Transform::TrimLeft | Transform::TrimRight => SPACE | HIGH | NUL,
        Transform::CssDecode | Transform::EscapeSeqDecode | Transform::JsDecode => BACKSLASH,
        Transform::HtmlEntityDecode => AMPERSAND,
        Transform::Lowercase => UPPER,
        Transform::Uppercase => LOWER,
        Transform::NormalizePath => SLASH | DOT,
        Transform::NormalizePathWin => SLASH | DOT | BACKSLASH,
        Transform::RemoveComments | Transform::RemoveCommentsChar | Transform::ReplaceComments => SLASH | COMMENT,
        Transform::RemoveNulls | Transform::ReplaceNulls => NUL,
        Transform::SqlHexDecode => DIGIT,
        Transform::UrlDecode | Transform::UrlDecodeUni => PERCENT | PLUS,
        Transform::Utf8ToUnicode => HIGH | NUL,
        _ => ALWAYS,
    }
}

/// A bound on the length of a transformation's output.
enum Growth {
    Any,
    /// Not longer than what it was made of.
    None,
    /// Three bytes of four.
    ThreeForFour,
}

fn growth(transform: Transform) -> Growth {
    match transform {
        Transform::Base64Decode | Transform::Base64DecodeExt => Growth::ThreeForFour,
        Transform::Base64Encode
        | Transform::HexEncode
        | Transform::Length
        | Transform::Md5
        | Transform::Sha1
        | Transform::UrlEncode
        | Transform::Utf8ToUnicode => Growth::Any,
        _ => Growth::None,
    }
}

/// The classes of each byte.
const CLASSES: [u32; 256] = classes();

const fn classes() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        // In a const fn only `as` converts; `at` is below 256.
        let byte = at as u8;
        table[at] = match byte {
            0 => NUL,
            b'\t'..=b'\r' | b' ' => SPACE,
            b'%' => PERCENT,
            b'+' => PLUS,
            b'&' => AMPERSAND,
            b'\\' => BACKSLASH,
            b'/' => SLASH,
            b'.' => DOT,
            b'"' | b'\'' | b'^' | b',' | b';' => SHELL,
            b'*' | b'-' | b'#' | b'<' => COMMENT,
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'0'..=b'9' => DIGIT,
            b'=' => EQUALS,
            0x80.. => HIGH,
            _ => OTHER,
        };
        at += 1;
    }
    table
}

/// Returns the classes of bytes a value has.
pub(crate) fn classes_of(value: &[u8]) -> u32 {
    value.iter().fold(ALWAYS, |all, byte| all | CLASSES[usize::from(*byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_that_begin_alike_share_nodes() {
        let mut pipelines = Pipelines::default();
        let long = pipelines.chain(&[Transform::UrlDecodeUni, Transform::Lowercase]);
        let short = pipelines.chain(&[Transform::UrlDecodeUni]);
        assert_eq!(pipelines.get(long).unwrap().parent, short);
        assert_eq!(pipelines.len(), 3);
        assert_eq!(pipelines.path(long), [0, short, long]);
        assert_eq!(pipelines.names(long), ["urlDecodeUni", "lowercase"]);
        assert_eq!(pipelines.chain(&[]), 0);
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn what_a_chain_makes_is_not_longer_than_it_may_be() {
        let pieces = [
            "%41",
            "%u0041",
            "+",
            "&lt;",
            "&#65;",
            "\\\\x41",
            "\\\\101",
            "\\\\u0041",
            "/**/",
            "<!--",
            "..",
            "/",
            "//",
            "QUJD",
            "QQ==",
            "a",
            " ",
            "\0",
            "\u{e9}",
            "0x41",
            "4142",
            "'",
            "\"",
            "--",
            "#",
            ";",
            ",",
            "^",
        ];
        let mut seed: u64 = 3;
        let mut draw = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..30_000 {
            let value: String = (0..draw(9)).map(|_| *pieces.get(draw(pieces.len())).unwrap()).collect();
            let chain: Vec<Transform> =
                (0..=draw(4)).map(|_| Transform::ALL.get(draw(Transform::ALL.len())).unwrap().0).collect();
            let made = chain.iter().fold(value.clone().into_bytes(), |value, step| step.apply(&value).into_owned());
            let mut pipelines = Pipelines::default();
            let node = pipelines.chain(&chain);
            let ascii = classes_of(value.as_bytes()) & (HIGH | NUL) == 0;
            assert!(pipelines.least_before(node, made.len(), ascii) <= value.len(), "{chain:?} {value:?}");
        }
    }

    #[test]
    fn a_transformation_changes_nothing_in_a_value_without_its_classes() {
        // Values of up to 6 bytes drawn from the bytes outside the classes, some thousand per
        // transformation.
        for (transform, name) in Transform::ALL {
            let acts_on = classes_acted_on(transform);
            let calm: Vec<u8> = (0..=255).filter(|byte| classes_of(&[*byte]) & acts_on & !ALWAYS == 0).collect();
            if acts_on == ALWAYS {
                continue;
            }
            let mut seed: u64 = 7;
            for _ in 0..20_000 {
                let mut value = Vec::new();
                for _ in 0..(seed >> 60) % 7 {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    value.push(*calm.get(usize::try_from(seed >> 33).unwrap() % calm.len()).unwrap());
                }
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                assert_eq!(transform.apply(&value), value, "{name}");
            }
        }
    }
}
