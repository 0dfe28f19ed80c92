//! The one place where errors of the engine become exceptions. The classes live in Python, so that their
//! documentation, hierarchy and tracebacks are ordinary; this file refuses to define any.

use pyo3::prelude::*;

/// `TomlSyntaxError(message, offset)`, offset in characters.
pub(crate) fn toml_syntax(py: Python<'_>, message: &str, offset: usize) -> PyErr {
    raise(py, "TomlSyntaxError", |class| class.call1((message, offset)))
}

/// `SnapshotError(message)`: the description cannot be run; nothing has changed.
pub(crate) fn snapshot(py: Python<'_>, message: &str) -> PyErr {
    raise(py, "SnapshotError", |class| class.call1((message,)))
}

/// `EngineError(message)`: the engine is not in a state to do that.
pub(crate) fn engine(py: Python<'_>, message: &str) -> PyErr {
    raise(py, "EngineError", |class| class.call1((message,)))
}

/// Makes an exception of a class of `expressgateway.errors`; if even that fails, the failure is the exception.
fn raise<'py>(
    py: Python<'py>,
    class: &str,
    make: impl FnOnce(Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
) -> PyErr {
    let made = py.import("expressgateway.errors").and_then(|module| module.getattr(class)).and_then(make);
    made.map_or_else(|error| error, PyErr::from_value)
}
