//! The Python face of the data plane: a table of contents, and the only crate that names pyo3.

#![forbid(unsafe_code)]

mod engine;
mod errors;
mod toml;

use mimalloc::MiMalloc;

/// One allocator for all workers; thread-local storage is dynamic so that the library can be loaded at run time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The compiled data plane of ExpressGateway.
#[pyo3::pymodule(gil_used = true)]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::toml::parse_toml;

    /// See `_engine.pyi`.
    #[pyfunction]
    fn pattern_complaint(text: &str) -> Option<String> {
        eg_core::snapshot::pattern_complaint(text)
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("__build__", eg_net::BUILD)
    }
}
