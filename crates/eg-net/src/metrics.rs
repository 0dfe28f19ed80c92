//! Counters, and their text in the Prometheus exposition format 0.0.4. Workers count in cells that only they
//! write; a scrape adds them up and disturbs nobody.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eg_core::exchange::{Ending, Record};
use eg_wire::head::Version;

use crate::shared::Shared;

/// A counter with one writer: a plain addition, visible to other threads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the duration histogram, in microseconds.
const BUCKETS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
const VERSIONS: [Version; 3] = [Version::H10, Version::H11, Version::H2];
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
const ENDINGS: [Ending; 12] = [
    Ending::Complete,
    Ending::Tunnelled,
    Ending::Replied,
    Ending::Malformed,
    Ending::ClientGone,
    Ending::ClientTimeout,
    Ending::ConnectFailed,
    Ending::ConnectTimeout,
    Ending::UpstreamGone,
    Ending::UpstreamMalformed,
    Ending::UpstreamTimeout,
    Ending::RequestTimeout,
];

/// What one worker counts for one listener.
#[derive(Debug, Default)]
pub(crate) struct ListenerCounters {
    pub(crate) connections: Counter,
    pub(crate) refused: Counter,
    requests: [[Counter; CLASSES.len()]; VERSIONS.len()],
    endings: [Counter; ENDINGS.len()],
    durations: [Counter; BUCKETS.len() + 1],
    duration_sum: Counter,
    request_bytes: Counter,
    response_bytes: Counter,
}

impl ListenerCounters {
    pub(crate) fn count(&self, version: Version, record: &Record) {
        let class = if record.status < 600 { usize::from(record.status / 100) } else { 0 };
        let version = VERSIONS.iter().position(|known| *known == version).unwrap_or(0);
        if let Some(counter) = self.requests.get(version).and_then(|classes| classes.get(class)) {
            counter.add(1);
        }
        if let Some(counter) =
            ENDINGS.iter().position(|known| *known == record.ending).and_then(|at| self.endings.get(at))
        {
            counter.add(1);
        }
        let micros = micros(record.ended - record.started);
        if let Some(counter) = self.durations.get(BUCKETS.partition_point(|bound| *bound < micros)) {
            counter.add(1);
        }
        self.duration_sum.add(micros);
        self.request_bytes.add(record.request_bytes);
        self.response_bytes.add(record.response_bytes);
    }
}

/// What one worker counts beside its listeners.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    pub(crate) upstream_connects: Counter,
    pub(crate) upstream_reuses: Counter,
    pub(crate) upstream_idle: Counter,
    pub(crate) records_dropped: Counter,
    pub(crate) accept_errors: Counter,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// All families, as text.
pub(crate) fn render(shared: &Shared) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    process(&mut page, shared);
    listeners(&mut page, shared);
    endpoints(&mut page, shared);
    page.0
}

fn process(page: &mut Page, shared: &Shared) {
    let workers = &shared.workers;
    let sum =
        |of: fn(&WorkerCounters) -> &Counter| workers.iter().map(|worker| of(worker).get()).sum::<u64>();
    page.family("build_info", "gauge", "Version and profile of the running engine; always 1.");
    page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION")), ("build", crate::BUILD)], 1);
    page.single("workers", "gauge", "Worker threads.", workers.len() as u64);
    page.single("ready", "gauge", "1 while /readyz says 200.", u64::from(shared.is_ready()));
    page.single(
        "configuration_generation",
        "gauge",
        "Snapshot that is served.",
        shared.snapshot().generation,
    );
    let connections = shared.connections.load(Ordering::Relaxed) as u64;
    page.single("connections", "gauge", "Downstream connections that are open.", connections);
    let panics = shared.panics.load(Ordering::Relaxed);
    page.single("panics_total", "counter", "Connections lost to a bug of the gateway.", panics);
    page.single(
        "upstream_connects_total",
        "counter",
        "Upstream connections made.",
        sum(|w| &w.upstream_connects),
    );
    page.single(
        "upstream_reuses_total",
        "counter",
        "Upstream connections reused.",
        sum(|w| &w.upstream_reuses),
    );
    page.single("upstream_idle", "gauge", "Upstream connections kept for reuse.", sum(|w| &w.upstream_idle));
    page.single("accept_errors_total", "counter", "Failed accepts.", sum(|w| &w.accept_errors));
    let dropped = sum(|w| &w.records_dropped) + shared.log_errors.load(Ordering::Relaxed);
    page.single("records_dropped_total", "counter", "Access log lines that could not be written.", dropped);
}

fn listeners(page: &mut Page, shared: &Shared) {
    let listeners = shared.listeners();
    let each = |page: &mut Page, name: &str, of: fn(&ListenerCounters) -> &Counter| {
        for (listener, parts) in &listeners {
            page.sample(name, &[("listener", listener)], parts.iter().map(|part| of(part).get()).sum());
        }
    };
    page.family("connections_total", "counter", "Downstream connections accepted.");
    each(page, "connections_total", |part| &part.connections);
    page.family(
        "connections_refused_total",
        "counter",
        "Connections that the listener's client rules refused.",
    );
    each(page, "connections_refused_total", |part| &part.refused);
    page.family("request_bytes_total", "counter", "Request body bytes carried to endpoints.");
    each(page, "request_bytes_total", |part| &part.request_bytes);
    page.family("response_bytes_total", "counter", "Response body bytes carried to clients.");
    each(page, "response_bytes_total", |part| &part.response_bytes);
    page.family("requests_total", "counter", "Requests by version of the client's side and class of status.");
    for (listener, parts) in &listeners {
        for (v, version) in VERSIONS.iter().enumerate() {
            for (c, class) in CLASSES.iter().enumerate() {
                let count =
                    parts.iter().filter_map(|part| part.requests.get(v)?.get(c)).map(Counter::get).sum();
                if count > 0 {
                    let labels =
                        [("listener", listener.as_str()), ("protocol", version.as_str()), ("code", class)];
                    page.sample("requests_total", &labels, count);
                }
            }
        }
    }
    page.family("request_endings_total", "counter", "Requests by how they ended.");
    for (listener, parts) in &listeners {
        for (e, ending) in ENDINGS.iter().enumerate() {
            let count = parts.iter().filter_map(|part| part.endings.get(e)).map(Counter::get).sum();
            if count > 0 {
                let labels =
                    [("listener", listener.as_str()), ("ending", ending.as_str()), ("by", ending.by())];
                page.sample("request_endings_total", &labels, count);
            }
        }
    }
    durations(page, &listeners);
}

fn durations(page: &mut Page, listeners: &[(String, Vec<std::sync::Arc<ListenerCounters>>)]) {
    page.family(
        "request_duration_seconds",
        "histogram",
        "From a request's head to its response's last byte.",
    );
    for (listener, parts) in listeners {
        let mut below = 0;
        for (at, bound) in BUCKETS.iter().map(Some).chain([None]).enumerate() {
            below += parts.iter().filter_map(|part| part.durations.get(at)).map(Counter::get).sum::<u64>();
            let le = bound.map_or("+Inf".to_owned(), |micros| (*micros as f64 / 1e6).to_string());
            page.sample("request_duration_seconds_bucket", &[("listener", listener), ("le", &le)], below);
        }
        let sum = parts.iter().map(|part| part.duration_sum.get()).sum::<u64>();
        page.decimal("request_duration_seconds_sum", &[("listener", listener)], sum as f64 / 1e6);
        page.sample("request_duration_seconds_count", &[("listener", listener)], below);
    }
}

fn endpoints(page: &mut Page, shared: &Shared) {
    let snapshot = shared.snapshot();
    type Of = fn(&eg_core::ledger::EndpointState) -> u64;
    let families: [(&str, &str, &str, Of); 4] = [
        ("endpoint_healthy", "gauge", "1 while the endpoint may be picked.", |state| {
            state.is_healthy().into()
        }),
        ("endpoint_in_flight", "gauge", "Exchanges under way.", |state| state.in_flight().into()),
        ("endpoint_requests_total", "counter", "Exchanges given to the endpoint.", |state| state.requests()),
        ("endpoint_failures_total", "counter", "Attempts that failed.", |state| state.failures()),
    ];
    for (name, kind, help, of) in families {
        page.family(name, kind, help);
        for pool in &snapshot.pools {
            for endpoint in &pool.endpoints {
                let labels = [("pool", pool.name.as_str()), ("endpoint", endpoint.name.as_str())];
                page.sample(name, &labels, of(&endpoint.state));
            }
        }
    }
}

struct Page(String);

/// Writing to a string cannot fail.
impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP expressgateway_{name} {help}\n# TYPE expressgateway_{name} {kind}\n");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.head(name, labels);
        let _ = writeln!(self.0, " {value}");
    }

    fn decimal(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.head(name, labels);
        let _ = writeln!(self.0, " {value}");
    }

    fn head(&mut self, name: &str, labels: &[(&str, &str)]) {
        let _ = write!(self.0, "expressgateway_{name}");
        for (at, (label, value)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{open}{label}=\"{value}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
    }
}
