//! The one TOML parser of the product: plain Python values, and where in the text each of them stands. It
//! refuses to know what the values mean.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use toml_edit::{Document, Item, Key, TableLike, Value};

use crate::errors;

/// See `_engine.pyi`.
#[pyfunction]
pub(crate) fn parse_toml<'py>(
    py: Python<'py>,
    text: &str,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
    let offsets = Offsets::of(text);
    let document = Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        errors::toml_syntax(py, error.message().trim(), offsets.characters(at))
    })?;
    let mut walk = Walk { py, offsets, spans: PyDict::new(py), path: Vec::new() };
    let values = walk.table(document.as_table())?;
    Ok((values, walk.spans))
}

/// Translates byte offsets to character offsets; ASCII text needs no table.
enum Offsets {
    Ascii,
    Table(Vec<usize>),
}

impl Offsets {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            Self::Ascii
        } else {
            Self::Table(text.char_indices().map(|(at, _)| at).collect())
        }
    }

    fn characters(&self, byte: usize) -> usize {
        match self {
            Self::Ascii => byte,
            Self::Table(starts) => starts.partition_point(|start| *start < byte),
        }
    }
}

struct Walk<'py> {
    py: Python<'py>,
    offsets: Offsets,
    spans: Bound<'py, PyDict>,
    path: Vec<Bound<'py, PyAny>>,
}

impl<'py> Walk<'py> {
    fn table(&mut self, table: &dyn TableLike) -> PyResult<Bound<'py, PyDict>> {
        let values = PyDict::new(self.py);
        for (name, item) in table.iter() {
            let key = table.key(name).and_then(Key::span);
            let value =
                self.at(name.into_pyobject(self.py)?.into_any(), key, item.span(), |walk| walk.item(item))?;
            values.set_item(name, value)?;
        }
        Ok(values)
    }

    fn item(&mut self, item: &Item) -> PyResult<Bound<'py, PyAny>> {
        match item {
            Item::None => Ok(self.py.None().into_bound(self.py)),
            Item::Value(value) => self.value(value),
            Item::Table(table) => Ok(self.table(table)?.into_any()),
            Item::ArrayOfTables(tables) => {
                let values = PyList::empty(self.py);
                for (index, table) in tables.iter().enumerate() {
                    let index = index.into_pyobject(self.py)?.into_any();
                    let value = self.at(index, None, table.span(), |walk| walk.table(table))?;
                    values.append(value)?;
                }
                Ok(values.into_any())
            }
        }
    }

    fn value(&mut self, value: &Value) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        Ok(match value {
            Value::String(text) => text.value().into_pyobject(py)?.into_any(),
            Value::Integer(number) => number.value().into_pyobject(py)?.into_any(),
            Value::Float(number) => number.value().into_pyobject(py)?.into_any(),
            Value::Boolean(flag) => flag.value().into_pyobject(py)?.to_owned().into_any(),
            Value::Datetime(moment) => moment.value().to_string().into_pyobject(py)?.into_any(),
            Value::InlineTable(table) => self.table(table)?.into_any(),
            Value::Array(array) => {
                let values = PyList::empty(py);
                for (index, value) in array.iter().enumerate() {
                    let index = index.into_pyobject(py)?.into_any();
                    let value = self.at(index, None, value.span(), |walk| walk.value(value))?;
                    values.append(value)?;
                }
                values.into_any()
            }
        })
    }

    /// Visits what stands one step down the path, and notes where. A table that only dotted headers imply has no
    /// span of its own: its key's stands in, and the other way round for list items.
    fn at<T>(
        &mut self,
        step: Bound<'py, PyAny>,
        key: Option<Range<usize>>,
        value: Option<Range<usize>>,
        visit: impl FnOnce(&mut Self) -> PyResult<T>,
    ) -> PyResult<T> {
        self.path.push(step);
        let key = key.or_else(|| value.clone());
        let value = value.or_else(|| key.clone());
        if let (Some(key), Some(value)) = (key, value) {
            let path = PyTuple::new(self.py, &self.path)?;
            let [a, b, c, d] =
                [key.start, key.end, value.start, value.end].map(|at| self.offsets.characters(at));
            self.spans.set_item(path, (a, b, c, d))?;
        }
        let visited = visit(self)?;
        self.path.pop();
        Ok(visited)
    }
}
