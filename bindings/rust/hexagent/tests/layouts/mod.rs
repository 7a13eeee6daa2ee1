//! Fills and reads records by bindings/layout.json, so that a field of the header needs no line here.

use crate::json::{parse, Value};
use std::collections::BTreeMap;
use std::mem::size_of;

pub struct Layouts(Value);

/// Records of C: every bit pattern is a value, and there is no padding.
///
/// # Safety
/// Only for plain old data without padding.
pub unsafe trait Record: Copy + Default {
    const NAME: &'static str;
}

macro_rules! records {
    ($($record:ident $name:literal),+ $(,)?) => {
        $(unsafe impl Record for hexagent::$record {
            const NAME: &'static str = $name;
        })+
    };
}

records! {
    Call "hexagent_call", Decision "hexagent_decision", Forecast "hexagent_forecast",
    Heartbeat "hexagent_heartbeat", Link "hexagent_link", LinkInfo "hexagent_link_info",
    LinkSample "hexagent_link_sample", Model "hexagent_model",
    Placement "hexagent_placement", Prefix "hexagent_prefix", Profile "hexagent_profile",
    Report "hexagent_report", Worker "hexagent_worker", WorkerInfo "hexagent_worker_info",
    ShadowInfo "hexagent_shadow_info",
    Workflow "hexagent_workflow", WorkflowInfo "hexagent_workflow_info",
}

impl Layouts {
    pub fn load() -> Layouts {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../layout.json");
        Layouts(parse(&std::fs::read_to_string(path).unwrap()))
    }

    fn fields<T: Record>(&self) -> &[Value] {
        let facts = self.0.get(T::NAME).unwrap();
        assert_eq!(facts.integer("size"), size_of::<T>() as i128);
        facts.list("fields")
    }

    /// A record with the fields that `values` names; the rest is default.
    pub fn fill<T: Record>(&self, values: &Value) -> T {
        let mut record = T::default();
        // SAFETY: the bytes of a Record may be anything.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(&mut record as *mut T as *mut u8, size_of::<T>())
        };
        let mut found = 0;
        for field in self.fields::<T>() {
            if let Some(Value::Number(text)) = values.get(field.text("name")) {
                put(bytes, field, text);
                found += 1;
            }
        }
        let beside = values.get("deps").iter().count() + values.get("prefixes").iter().count();
        assert_eq!(found + beside, values.object().len(), "unknown field in {values:?}");
        record
    }

    /// The fields of a record that are not zero, struct_size left out.
    pub fn read<T: Record>(&self, record: &T) -> Value {
        // SAFETY: a Record has no padding, so all of its bytes are initialised.
        let bytes =
            unsafe { std::slice::from_raw_parts(record as *const T as *const u8, size_of::<T>()) };
        let mut values = BTreeMap::new();
        for field in self.fields::<T>() {
            if field.text("name") == "struct_size" || field.integer("count") != 0 {
                continue;
            }
            let value = get(bytes, field);
            if value != Value::number(0) {
                values.insert(field.text("name").to_owned(), value);
            }
        }
        Value::Object(values)
    }
}

fn put(bytes: &mut [u8], field: &Value, text: &str) {
    let place = &mut bytes[field.integer("offset") as usize..];
    match field.text("type") {
        "double" => place[..8].copy_from_slice(&text.parse::<f64>().unwrap().to_ne_bytes()),
        "uint64_t" => place[..8].copy_from_slice(&text.parse::<u64>().unwrap().to_ne_bytes()),
        "int64_t" => place[..8].copy_from_slice(&text.parse::<i64>().unwrap().to_ne_bytes()),
        "uint32_t" => place[..4].copy_from_slice(&text.parse::<u32>().unwrap().to_ne_bytes()),
        other => panic!("no input field is a {other}"),
    }
}

fn get(bytes: &[u8], field: &Value) -> Value {
    let place = &bytes[field.integer("offset") as usize..];
    let long = || place[..8].try_into().unwrap();
    let short = || place[..4].try_into().unwrap();
    match field.text("type") {
        "double" => Value::number(f64::from_ne_bytes(long())),
        "uint64_t" => Value::number(u64::from_ne_bytes(long())),
        "int64_t" => Value::number(i64::from_ne_bytes(long())),
        "uint32_t" => Value::number(u32::from_ne_bytes(short())),
        _ => Value::number(i32::from_ne_bytes(short())),
    }
}
