//! The table of HTTP/1.1 as the codec's tests need it: the rows of tests/spec/http1, whose keys are explained in
//! rows.py beside them. It refuses to check what the loader there checks.

use toml_edit::{Document, Item, Table, Value};

const REQUESTS: &str = include_str!("../../../../tests/spec/http1/requests.toml");
const RESPONSES: &str = include_str!("../../../../tests/spec/http1/responses.toml");

/// What a row says of one message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    pub(crate) answer: Option<u16>,
    pub(crate) sees: Option<Vec<u8>>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<u8>,
}

/// One row of either table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) send: Vec<u8>,
    pub(crate) expected: Expected,
    /// The sender ends early.
    pub(crate) cut: bool,
    /// The sender ends, with everything said.
    pub(crate) closes: bool,
    /// What becomes of the bytes behind a request.
    pub(crate) then: Option<Expected>,
    /// Of the request that a response answers.
    pub(crate) method: String,
    /// That request asked to leave HTTP behind.
    pub(crate) upgrade: bool,
    /// The endpoint's connection is used again.
    pub(crate) reused: bool,
}

pub(crate) fn requests() -> Vec<Row> {
    rows(REQUESTS)
}

pub(crate) fn responses() -> Vec<Row> {
    rows(RESPONSES)
}

fn rows(text: &'static str) -> Vec<Row> {
    let document = Document::parse(text).expect("the table is TOML");
    let rows = document.get("row").and_then(Item::as_array_of_tables).expect("it has rows");
    rows.iter().map(row).collect()
}

fn row(table: &Table) -> Row {
    let get = |key: &str| table.get(key).and_then(Item::as_value);
    let is = |key: &str| get(key).and_then(Value::as_bool);
    let then = table.get("then").and_then(Item::as_table_like);
    Row {
        name: get("name").and_then(Value::as_str).expect("a row has a name").to_owned(),
        send: get("send").map(bytes).expect("a row sends something"),
        expected: expected(get),
        cut: is("cut").unwrap_or_default(),
        closes: is("closes").unwrap_or_default(),
        then: then.map(|then| expected(|key| then.get(key).and_then(Item::as_value))),
        method: get("method").and_then(Value::as_str).unwrap_or("GET").to_owned(),
        upgrade: get("fields").and_then(Value::as_str).is_some_and(|fields| fields.contains("Upgrade: ")),
        reused: is("reused").unwrap_or(true),
    }
}

fn expected<'a>(get: impl Fn(&str) -> Option<&'a Value>) -> Expected {
    let status = |value: &Value| u16::try_from(value.as_integer().expect("a number")).expect("a status");
    Expected {
        answer: get("answer").map(status),
        sees: get("sees").map(bytes),
        body: get("body").map(bytes).unwrap_or_default(),
        trailers: get("trailers").map(bytes).unwrap_or_default(),
    }
}

/// One character of the table is one byte.
fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("text");
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("a byte")).collect()
}
