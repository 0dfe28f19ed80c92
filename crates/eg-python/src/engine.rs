//! `Engine`: the engine of `eg-net` with Python's manners: the interpreter is released while it waits, errors are
//! exceptions, and a forked child is told that the threads did not come along.

use std::collections::HashMap;
use std::os::fd::RawFd;

use eg_net::{ApplyError, Engine as Plane, Options};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors;

/// See `_engine.pyi`.
#[pyclass(frozen, module = "expressgateway._engine")]
pub(crate) struct Engine {
    plane: Plane,
    /// The process whose threads these are.
    pid: u32,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, workers, access_log = None, admin = None))]
    fn new(
        py: Python<'_>,
        workers: usize,
        access_log: Option<RawFd>,
        admin: Option<RawFd>,
    ) -> PyResult<Self> {
        if workers == 0 {
            return Err(errors::engine(py, "workers: 0 threads cannot serve; give at least 1"));
        }
        let options = Options { workers, access_log, admin };
        let plane = py
            .detach(|| Plane::start(&options))
            .map_err(|error| errors::engine(py, &format!("the engine cannot start: {error}")))?;
        Ok(Self { plane, pid: std::process::id() })
    }

    fn apply(&self, py: Python<'_>, snapshot: &[u8], sockets: HashMap<String, Vec<RawFd>>) -> PyResult<u64> {
        self.check(py)?;
        let sockets: Vec<(String, Vec<RawFd>)> = sockets.into_iter().collect();
        py.detach(|| self.plane.apply(snapshot, &sockets)).map_err(|error| match error {
            ApplyError::Snapshot(reason) => errors::snapshot(py, &reason),
            ApplyError::Engine(reason) => errors::engine(py, &reason),
        })
    }

    fn set_health(&self, py: Python<'_>, pool: &str, endpoint: &str, healthy: bool) -> PyResult<bool> {
        self.check(py)?;
        Ok(self.plane.set_health(pool, endpoint, healthy))
    }

    fn set_ready(&self, py: Python<'_>, ready: bool) -> PyResult<()> {
        self.check(py)?;
        self.plane.set_ready(ready);
        Ok(())
    }

    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py)?;
        py.detach(|| self.plane.drain()).map_err(|reason| errors::engine(py, &reason))
    }

    fn connections(&self, py: Python<'_>) -> PyResult<usize> {
        self.check(py)?;
        Ok(self.plane.connections())
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check(py)?;
        Ok(PyBytes::new(py, py.detach(|| self.plane.status()).as_bytes()))
    }

    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check(py)?;
        Ok(PyBytes::new(py, py.detach(|| self.plane.metrics()).as_bytes()))
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.check_process(py)?;
        py.detach(|| self.plane.stop());
        Ok(())
    }
}

impl Engine {
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.check_process(py)?;
        if self.plane.is_stopped() {
            return Err(errors::engine(py, "the engine was stopped; make a new one"));
        }
        Ok(())
    }

    /// Threads do not survive a fork: in the child there is nobody to answer.
    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        if std::process::id() != self.pid {
            let reason = format!(
                "the engine runs in process {}, which this one was forked from; start another",
                self.pid
            );
            return Err(errors::engine(py, &reason));
        }
        Ok(())
    }
}

impl Drop for Engine {
    /// In a forked child there are no threads to join, and waiting for them would never end.
    fn drop(&mut self) {
        if std::process::id() != self.pid {
            self.plane.disown();
        }
    }
}
