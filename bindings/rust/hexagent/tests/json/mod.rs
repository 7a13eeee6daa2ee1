//! As much of JSON as the conformance vectors need, so that the tests depend on nothing.

use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    /// As it is written: integers beyond 2^53 must stay exact.
    Number(String),
    List(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => match (a.parse::<i128>(), b.parse::<i128>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => a.parse::<f64>() == b.parse::<f64>(),
            },
            _ => false,
        }
    }
}

impl Value {
    pub fn number(value: impl ToString) -> Value {
        Value::Number(value.to_string())
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(values) => values.get(key),
            _ => None,
        }
    }

    pub fn object(&self) -> &BTreeMap<String, Value> {
        match self {
            Value::Object(values) => values,
            other => panic!("{other:?} is no object"),
        }
    }

    /// The items of a list; none when it is not there.
    pub fn list(&self, key: &str) -> &[Value] {
        match self.get(key) {
            Some(Value::List(items)) => items,
            None => &[],
            other => panic!("{key}: {other:?} is no list"),
        }
    }

    pub fn text(&self, key: &str) -> &str {
        match self.get(key) {
            Some(Value::Text(text)) => text,
            other => panic!("{key}: {other:?} is no text"),
        }
    }

    /// An integer; 0 when it is not there.
    pub fn integer(&self, key: &str) -> i128 {
        match self.get(key) {
            Some(Value::Number(text)) => text.parse().expect("an integer"),
            None => 0,
            other => panic!("{key}: {other:?} is no number"),
        }
    }
}

pub fn parse(text: &str) -> Value {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    let value = reader.value();
    reader.space();
    assert_eq!(reader.at, text.len(), "something follows the JSON value");
    value
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.bytes.get(self.at).map_or(false, |byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Takes this byte if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) {
        assert!(self.take(byte), "'{}' expected at byte {}", byte as char, self.at);
    }

    fn value(&mut self) -> Value {
        self.space();
        match self.bytes[self.at] {
            b'{' => self.read_object(),
            b'[' => self.read_list(),
            b'"' => Value::Text(self.read_text()),
            _ => self.read_number(),
        }
    }

    fn read_object(&mut self) -> Value {
        self.expect(b'{');
        let mut values = BTreeMap::new();
        while !self.take(b'}') {
            let key = self.read_text();
            self.expect(b':');
            let value = self.value();
            assert!(values.insert(key, value).is_none(), "a key twice before byte {}", self.at);
            self.take(b',');
        }
        Value::Object(values)
    }

    fn read_list(&mut self) -> Value {
        self.expect(b'[');
        let mut items = Vec::new();
        while !self.take(b']') {
            items.push(self.value());
            self.take(b',');
        }
        Value::List(items)
    }

    fn read_text(&mut self) -> String {
        self.expect(b'"');
        let start = self.at;
        while self.bytes[self.at] != b'"' {
            assert_ne!(self.bytes[self.at], b'\\', "escapes are not used in the vectors");
            self.at += 1;
        }
        self.at += 1;
        String::from_utf8(self.bytes[start..self.at - 1].to_vec()).expect("UTF-8")
    }

    fn read_number(&mut self) -> Value {
        let start = self.at;
        while self.bytes.get(self.at).map_or(false, |byte| b"+-.eE0123456789".contains(byte)) {
            self.at += 1;
        }
        assert_ne!(start, self.at, "no value at byte {start}");
        Value::Number(std::str::from_utf8(&self.bytes[start..self.at]).unwrap().to_owned())
    }
}
