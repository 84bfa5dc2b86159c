//! The protobuf form of OpenAPI v2; the numbers are those of `openapiv2/OpenAPIv2.proto` of <https://github.com/google/gnostic-models>.

use serde_json::Value;

/// The most levels of schemas within schemas.
const DEEPEST: usize = 128;

/// Writes the fields of a message.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, inner: &Self) {
        self.bytes(field, &inner.0);
    }

    fn text(&mut self, field: u64, of: &Value, name: &str) {
        if let Some(text) = of.get(name).and_then(Value::as_str) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u64, of: &Value, name: &str) {
        for text in of
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            self.bytes(field, text.as_bytes());
        }
    }

    fn double(&mut self, field: u64, of: &Value, name: &str) {
        if let Some(number) = of.get(name).and_then(Value::as_f64) {
            self.varint(field << 3 | 1);
            self.0.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn whole(&mut self, field: u64, of: &Value, name: &str) {
        if let Some(number) = of.get(name).and_then(Value::as_i64) {
            self.varint(field << 3);
            self.varint(number as u64);
        }
    }

    fn flag(&mut self, field: u64, of: &Value, name: &str) {
        if of.get(name).and_then(Value::as_bool) == Some(true) {
            self.varint(field << 3);
            self.varint(1);
        }
    }

    /// Any value, as YAML, of which JSON is a part.
    fn any(&mut self, field: u64, value: &Value) {
        let mut any = Self::default();
        any.bytes(2, value.to_string().as_bytes());
        self.message(field, &any);
    }
}

pub(super) fn document(document: &Value) -> Vec<u8> {
    let mut info = Writer::default();
    if let Some(given) = document.get("info") {
        info.text(1, given, "title");
        info.text(2, given, "version");
    }
    let mut definitions = Writer::default();
    for (name, schema_value) in document
        .get("definitions")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        definitions.message(1, &named_schema(name, schema_value, 0));
    }
    let mut whole = Writer::default();
    whole.text(1, document, "swagger");
    whole.message(2, &info);
    whole.message(8, &Writer::default());
    whole.message(9, &definitions);
    whole.0
}

fn named_schema(name: &str, value: &Value, depth: usize) -> Writer {
    let mut named = Writer::default();
    named.bytes(1, name.as_bytes());
    named.message(2, &schema(value, depth + 1));
    named
}

fn schema(value: &Value, depth: usize) -> Writer {
    let mut writer = Writer::default();
    if depth > DEEPEST {
        return writer;
    }
    writer.text(1, value, "$ref");
    writer.text(2, value, "format");
    writer.text(3, value, "title");
    writer.text(4, value, "description");
    if let Some(default) = value.get("default") {
        writer.any(5, default);
    }
    writer.double(6, value, "multipleOf");
    writer.double(7, value, "maximum");
    writer.flag(8, value, "exclusiveMaximum");
    writer.double(9, value, "minimum");
    writer.flag(10, value, "exclusiveMinimum");
    writer.whole(11, value, "maxLength");
    writer.whole(12, value, "minLength");
    writer.text(13, value, "pattern");
    writer.whole(14, value, "maxItems");
    writer.whole(15, value, "minItems");
    writer.flag(16, value, "uniqueItems");
    writer.whole(17, value, "maxProperties");
    writer.whole(18, value, "minProperties");
    writer.texts(19, value, "required");
    for choice in value
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        writer.any(20, choice);
    }
    match value.get("additionalProperties") {
        Some(Value::Bool(allowed)) => {
            let mut item = Writer::default();
            item.varint(2 << 3);
            item.varint(u64::from(*allowed));
            writer.message(21, &item);
        }
        Some(values) => {
            let mut item = Writer::default();
            item.message(1, &schema(values, depth + 1));
            writer.message(21, &item);
        }
        None => {}
    }
    if value.get("type").is_some() {
        let mut item = Writer::default();
        item.text(1, value, "type");
        writer.message(22, &item);
    }
    if let Some(items) = value.get("items") {
        let mut item = Writer::default();
        item.message(1, &schema(items, depth + 1));
        writer.message(23, &item);
    }
    if let Some(properties) = value.get("properties").and_then(Value::as_object) {
        let mut item = Writer::default();
        for (name, property) in properties {
            item.message(1, &named_schema(name, property, depth + 1));
        }
        writer.message(25, &item);
    }
    for (name, extension) in value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with("x-"))
    {
        let mut named = Writer::default();
        named.bytes(1, name.as_bytes());
        named.any(2, extension);
        writer.message(31, &named);
    }
    writer
}
