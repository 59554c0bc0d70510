//! MessagePack, as far as AMDGPU metadata uses it.
#![forbid(unsafe_code)]

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(entries) => {
                entries.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, v)| v)
            }
            _ => None,
        }
    }
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }
    pub fn number(&self) -> Option<i64> {
        if let Value::Number(number) = self { Some(*number) } else { None }
    }
    pub fn items(&self) -> &[Value] {
        if let Value::List(items) = self { items } else { &[] }
    }
}

/// The value that `data` starts with.
pub fn parse(data: &[u8]) -> Option<Value> {
    Reader { data, at: 0 }.value(0)
}

/// Deeper nesting is not metadata.
const DEPTH_LIMIT: u32 = 32;

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// A big-endian number.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let field = self.data.get(self.at..self.at + bytes)?;
        self.at += bytes;
        Some(field.iter().fold(0, |value, &b| value << 8 | u64::from(b)))
    }

    fn text(&mut self, bytes: usize) -> Option<Value> {
        let field = self.data.get(self.at..self.at.checked_add(bytes)?)?;
        self.at += bytes;
        Some(Value::Text(String::from_utf8_lossy(field).into_owned()))
    }

    fn list(&mut self, count: usize, depth: u32) -> Option<Value> {
        (0..count).map(|_| self.value(depth + 1)).collect::<Option<_>>().map(Value::List)
    }

    fn map(&mut self, count: usize, depth: u32) -> Option<Value> {
        let entry = |_| Some((self.value(depth + 1)?, self.value(depth + 1)?));
        (0..count).map(entry).collect::<Option<_>>().map(Value::Map)
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > DEPTH_LIMIT {
            return None;
        }
        let tag = self.number(1)? as u8;
        let low = usize::from(tag);
        match tag {
            0x00..=0x7f => Some(Value::Number(i64::from(tag))),
            0x80..=0x8f => self.map(low & 15, depth),
            0x90..=0x9f => self.list(low & 15, depth),
            0xa0..=0xbf => self.text(low & 31),
            0xc0 => Some(Value::Nil),
            0xc2 | 0xc3 => Some(Value::Bool(tag == 0xc3)),
            0xcc => self.number(1).map(|n| Value::Number(n as i64)),
            0xcd => self.number(2).map(|n| Value::Number(n as i64)),
            0xce => self.number(4).map(|n| Value::Number(n as i64)),
            0xcf | 0xd3 => self.number(8).map(|n| Value::Number(n as i64)),
            0xd0 => self.number(1).map(|n| Value::Number(i64::from(n as u8 as i8))),
            0xd1 => self.number(2).map(|n| Value::Number(i64::from(n as u16 as i16))),
            0xd2 => self.number(4).map(|n| Value::Number(i64::from(n as u32 as i32))),
            0xd9..=0xdb => {
                let bytes = self.number(1 << (tag - 0xd9))?;
                self.text(bytes as usize)
            }
            0xdc | 0xdd => {
                let count = self.number(if tag == 0xdc { 2 } else { 4 })?;
                self.list(count as usize, depth)
            }
            0xde | 0xdf => {
                let count = self.number(if tag == 0xde { 2 } else { 4 })?;
                self.map(count as usize, depth)
            }
            0xe0..=0xff => Some(Value::Number(i64::from(tag as i8))),
            _ => None,
        }
    }
}
