//! [`FieldList`]: the fields of one message, in the order and the case they came in, edited by overlay.
//!
//! All text of a message lives in one byte block that is filled once and then only appended to: reading a
//! head costs one copy, removing a field flips a flag, adding one appends. The block is reused for the
//! next message of the connection. The list refuses to interpret values; framing does that.

use std::ops::Range;

/// A piece of text inside the block of one [`FieldList`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// Number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    fn end(self) -> usize {
        (self.start + self.len) as usize
    }
}

const COLON: &[u8] = b": ";
const CRLF: &[u8] = b"\r\n";

macro_rules! field_ids {
    ($($(#[$doc:meta])* $id:ident = $name:literal,)*) => {
        /// Fields that the gateway itself looks at, recognised once when a field enters the list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each variant is the field of that name")]
        pub enum FieldId {
            /// Any field without a variant of its own.
            Other,
            $($(#[$doc])* $id,)*
        }

        impl FieldId {
            fn bit(self) -> u32 {
                1 << self as u32
            }

            /// The canonical lower-case name; empty for [`FieldId::Other`].
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    Self::Other => "",
                    $(Self::$id => $name,)*
                }
            }

            /// Recognises a name in any case.
            #[must_use]
            pub fn of(name: &[u8]) -> Self {
                $(if name.len() == $name.len() && name.eq_ignore_ascii_case($name.as_bytes()) {
                    return Self::$id;
                })*
                Self::Other
            }
        }
    };
}

field_ids! {
    Te = "te",
    Via = "via",
    Host = "host",
    Expect = "expect",
    Trailer = "trailer",
    Upgrade = "upgrade",
    Forwarded = "forwarded",
    Connection = "connection",
    KeepAlive = "keep-alive",
    ContentLength = "content-length",
    ProxyConnection = "proxy-connection",
    TransferEncoding = "transfer-encoding",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedProto = "x-forwarded-proto",
    Http2Settings = "http2-settings",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    Cookie = "cookie",
    UserAgent = "user-agent",
    Referer = "referer",
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: FieldId,
    live: bool,
    name: Span,
    value: Span,
}

/// One field as seen by a reader of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Which well-known field this is.
    pub id: FieldId,
    /// Name, in the case it came in.
    pub name: &'a [u8],
    /// Value, without surrounding whitespace.
    pub value: &'a [u8],
}

/// The fields of one message. See the module's text for its shape and cost.
#[derive(Debug, Clone, Default)]
pub struct FieldList {
    block: Vec<u8>,
    entries: Vec<Entry>,
    /// A bit for each well-known field that was ever there: most questions are about one that was not.
    seen: u32,
}

impl FieldList {
    /// An empty list that has allocated nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all fields and text, keeps the memory.
    pub fn clear(&mut self) {
        self.block.clear();
        self.entries.clear();
        self.seen = 0;
    }

    /// Gives the memory back.
    pub fn release(&mut self) {
        *self = Self::default();
    }

    /// Number of fields that have not been removed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.live).count()
    }

    /// Whether no field is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.entries.iter().any(|entry| entry.live)
    }

    /// The fields in order, removed ones skipped.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.entries.iter().filter(|entry| entry.live).map(|entry| self.view(entry))
    }

    /// Values of a well-known field, in order.
    pub fn values(&self, id: FieldId) -> impl Iterator<Item = &[u8]> {
        self.entries_of(id).map(|entry| self.text(entry.value))
    }

    /// First value of a well-known field.
    #[must_use]
    pub fn get(&self, id: FieldId) -> Option<&[u8]> {
        self.values(id).next()
    }

    /// Where the first value of a well-known field stands.
    #[must_use]
    pub fn span_of(&self, id: FieldId) -> Option<Span> {
        self.entries_of(id).next().map(|entry| entry.value)
    }

    /// First value of a field by its name, in any case.
    #[must_use]
    pub fn get_named(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Whether a well-known field is present.
    #[must_use]
    pub fn has(&self, id: FieldId) -> bool {
        self.entries_of(id).next().is_some()
    }

    /// Appends a field.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        // As a line, so that it can be written as one.
        let name = self.store(name);
        self.block.extend_from_slice(COLON);
        let value = self.store(value);
        self.block.extend_from_slice(CRLF);
        self.push_spans(name, value);
    }

    /// Appends a field whose text is already in the block.
    pub fn push_spans(&mut self, name: Span, value: Span) {
        let id = FieldId::of(self.text(name));
        self.seen |= id.bit();
        self.entries.push(Entry { id, live: true, name, value });
    }

    /// Removes every occurrence of a well-known field.
    pub fn remove(&mut self, id: FieldId) {
        if self.seen & id.bit() == 0 {
            return;
        }
        for entry in &mut self.entries {
            if entry.id == id {
                entry.live = false;
            }
        }
    }

    /// Removes every field that `gone` names.
    pub fn remove_where(&mut self, mut gone: impl FnMut(Field<'_>) -> bool) {
        let Self { block, entries, .. } = self;
        for entry in entries.iter_mut().filter(|entry| entry.live) {
            let field =
                Field { id: entry.id, name: slice(block, entry.name), value: slice(block, entry.value) };
            if gone(field) {
                entry.live = false;
            }
        }
    }

    /// Removes every occurrence of a name, in any case.
    pub fn remove_named(&mut self, name: &[u8]) {
        self.remove_where(|field| field.name.eq_ignore_ascii_case(name));
    }

    /// Removes all occurrences of a name and appends one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove_named(name);
        self.push(name, value);
    }

    /// Appends text to the block without making it a field (a method, a target, a reason phrase).
    pub fn store(&mut self, text: &[u8]) -> Span {
        let start = self.block.len() as u32;
        self.block.extend_from_slice(text);
        Span { start, len: text.len() as u32 }
    }

    /// A part of text that is already in the block, by offset inside `whole`.
    ///
    /// Out-of-range bounds are clamped, so that a wrong offset can only shorten text.
    #[must_use]
    pub fn part(&self, whole: Span, from: usize, len: usize) -> Span {
        let from = from.min(whole.len());
        let len = len.min(whole.len() - from);
        Span { start: whole.start + from as u32, len: len as u32 }
    }

    /// The text of a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &[u8] {
        slice(&self.block, span)
    }

    /// Appends the fields that `wanted` names to `out`, a line each. Lines that stand in the block as they are to be
    /// written, one behind the other, are copied together.
    pub fn write_lines(&self, wanted: impl Fn(FieldId) -> bool, out: &mut Vec<u8>) {
        let mut run = 0..0;
        for entry in self.entries.iter().filter(|entry| entry.live && wanted(entry.id)) {
            let line = self.line(entry);
            if line.as_ref().is_some_and(|line| line.start == run.end) {
                run.end = line.map_or(run.end, |line| line.end);
                continue;
            }
            out.extend_from_slice(self.block.get(run).unwrap_or_default());
            run = line.unwrap_or_else(|| {
                for part in [self.text(entry.name), COLON, self.text(entry.value), CRLF] {
                    out.extend_from_slice(part);
                }
                0..0
            });
        }
        out.extend_from_slice(self.block.get(run).unwrap_or_default());
    }

    /// Where the block has a field as `name: value` and a line end, if it has.
    fn line(&self, entry: &Entry) -> Option<Range<usize>> {
        let (name_end, value) = (entry.name.end(), entry.value.start as usize);
        let is_line = name_end + COLON.len() == value
            && self.block.get(name_end..value)? == COLON
            && self.block.get(entry.value.end()..)?.starts_with(CRLF);
        is_line.then(|| entry.name.start as usize..entry.value.end() + CRLF.len())
    }

    fn entries_of(&self, id: FieldId) -> impl Iterator<Item = &Entry> {
        let entries = if self.seen & id.bit() == 0 { &[] } else { self.entries.as_slice() };
        entries.iter().filter(move |entry| entry.live && entry.id == id)
    }

    fn view(&self, entry: &Entry) -> Field<'_> {
        Field { id: entry.id, name: self.text(entry.name), value: self.text(entry.value) }
    }
}

fn slice(block: &[u8], span: Span) -> &[u8] {
    block.get(span.start as usize..span.end()).unwrap_or_default()
}
