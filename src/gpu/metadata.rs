//! The metadata note of a code object: MessagePack, as LLVM's AMDGPU documentation describes it.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

/// The values that occur in the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// A type that no field of interest has.
    Other,
}

impl Value {
    /// Field of a map.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(fields) => fields.get(name),
            _ => None,
        }
    }

    /// A number, or `None`.
    pub fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A text, or `None`.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of a list; none of anything else.
    pub fn members(&self) -> &[Value] {
        match self {
            Value::List(members) => members,
            _ => &[],
        }
    }
}

/// How deep lists and maps may nest; the metadata needs five.
const MAX_DEPTH: u32 = 16;

/// Reads one value; `None` where the bytes are no MessagePack.
pub fn parse(bytes: &[u8]) -> Option<Value> {
    Reader { rest: bytes }.value(MAX_DEPTH)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// A big-endian number of 1, 2, 4 or 8 bytes.
    fn unsigned(&mut self, length: usize) -> Option<u64> {
        Some(self.take(length)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn length(&mut self, bytes: usize) -> Option<usize> {
        usize::try_from(self.unsigned(bytes)?).ok()
    }

    fn text(&mut self, length: usize) -> Option<Value> {
        Some(Value::Text(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }

    fn skip(&mut self, length: usize) -> Option<Value> {
        self.take(length).map(|_| Value::Other)
    }

    fn list(&mut self, length: usize, depth: u32) -> Option<Value> {
        (0..length).map(|_| self.value(depth)).collect::<Option<_>>().map(Value::List)
    }

    fn map(&mut self, length: usize, depth: u32) -> Option<Value> {
        let mut fields = BTreeMap::new();
        for _ in 0..length {
            let Value::Text(name) = self.value(depth)? else {
                return None;
            };
            fields.insert(name, self.value(depth)?);
        }
        Some(Value::Map(fields))
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let first = *self.take(1)?.first()?;
        match first {
            0x00..=0x7F => Some(Value::Number(u64::from(first))),
            0x80..=0x8F => self.map(usize::from(first & 15), depth),
            0x90..=0x9F => self.list(usize::from(first & 15), depth),
            0xA0..=0xBF => self.text(usize::from(first & 31)),
            0xC4..=0xC6 => self.length(1 << (first - 0xC4)).and_then(|length| self.skip(length)),
            0xCA => self.skip(4),
            0xCB => self.skip(8),
            0xCC..=0xCF => self.unsigned(1 << (first - 0xCC)).map(Value::Number),
            0xD0..=0xD3 => self.skip(1 << (first - 0xD0)),
            0xD9..=0xDB => self.length(1 << (first - 0xD9)).and_then(|length| self.text(length)),
            0xDC | 0xDD => {
                let length = self.length(2 << (first - 0xDC))?;
                self.list(length, depth)
            }
            0xDE | 0xDF => {
                let length = self.length(2 << (first - 0xDE))?;
                self.map(length, depth)
            }
            // nil, booleans, negative numbers below -1; extensions do not occur.
            0xC0 | 0xC2 | 0xC3 | 0xE0..=0xFF => Some(Value::Other),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_compilers_write() {
        // {"a": [1, 300], "b": "x"}
        let bytes = b"\x82\xA1a\x92\x01\xCD\x01\x2C\xA1b\xA1x";
        let value = parse(bytes).unwrap();
        let numbers: Vec<_> =
            value.field("a").unwrap().members().iter().map(Value::number).collect();
        assert_eq!(numbers, [Some(1), Some(300)]);
        assert_eq!(value.field("b").and_then(Value::text), Some("x"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parse(b"\x82\xA1a"), None);
        assert_eq!(parse(b"\xDF\xFF\xFF\xFF\xFF"), None);
        assert_eq!(parse(&[0x91; 64]), None);
    }
}
