//! A second reader of messages, by their structure alone and in another way than the product's: it takes exactly what
//! this gateway may write, and calls everything else broken. It refuses to be kind.

/// Name in lower case, and value.
pub(crate) type Line = (Vec<u8>, Vec<u8>);

/// One message, as far as it has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The words of the first line, the last of which may have spaces.
    pub(crate) start: [Vec<u8>; 3],
    pub(crate) fields: Vec<Line>,
    pub(crate) data: Vec<u8>,
    pub(crate) trailers: Vec<Line>,
    /// It has come to its end.
    pub(crate) whole: bool,
    /// Only the end of the connection is its end.
    pub(crate) until_close: bool,
}

/// What a reader has to know before it can tell where a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    /// To a request with this method.
    Response {
        head: bool,
    },
}

impl Message {
    /// Reads one message from the front of `text`; how many bytes of it are the message's. None: not even its head is there.
    pub(crate) fn read(text: &[u8], kind: Kind) -> Option<(Self, usize)> {
        let end = find(text, b"\r\n\r\n")? + 2;
        let mut lines = text[..end].split_inclusive(|byte| *byte == b'\n').map(line);
        let first = lines.next().expect("a head has a first line");
        let mut words = first.splitn(3, |byte| *byte == b' ').map(<[u8]>::to_vec);
        let mut message = Self { fields: lines.map(field).collect(), ..Self::default() };
        message.start = std::array::from_fn(|_| words.next().expect("three words"));
        let body = &text[end + 2..];
        let taken = message.read_body(body, kind);
        Some((message, end + 2 + taken))
    }

    /// The one value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.fields.iter().filter(|(known, _)| known == name.as_bytes());
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands twice in {self:?}");
        value.map(|(_, value)| value.as_slice())
    }

    pub(crate) fn status(&self) -> u16 {
        let digits = std::str::from_utf8(&self.start[1]).expect("digits");
        digits.parse().unwrap_or_else(|_| panic!("{digits:?} is no status"))
    }

    fn read_body(&mut self, text: &[u8], kind: Kind) -> usize {
        let chunked = self.value("transfer-encoding").map(|coding| assert!(coding == b"chunked", "{self:?}"));
        let length = self.value("content-length").map(|length| {
            assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit), "{self:?}");
            std::str::from_utf8(length).expect("ASCII").parse::<usize>().expect("a length that fits")
        });
        assert!(chunked.is_none() || length.is_none(), "framed in two ways: {self:?}");
        if let Kind::Response { head } = kind {
            let status = self.status();
            let has_none = status < 200 || matches!(status, 204 | 304);
            assert!(chunked.is_none() || !has_none, "chunks where none can be: {self:?}");
            if head || has_none {
                self.whole = true;
                return 0;
            }
            if chunked.is_none() && length.is_none() {
                self.until_close = true;
                self.data = text.to_vec();
                return text.len();
            }
        }
        match (chunked, length) {
            (Some(()), _) => self.read_chunks(text),
            (None, length) => {
                let length = length.unwrap_or(0);
                self.data = text[..length.min(text.len())].to_vec();
                self.whole = self.data.len() == length;
                self.data.len()
            }
        }
    }

    fn read_chunks(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let Some(end) = find(&text[at..], b"\r\n") else { return text.len() };
            let digits = &text[at..at + end];
            let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            assert!(!digits.is_empty() && digits.iter().all(lower), "{digits:?} is no size");
            let size =
                usize::from_str_radix(std::str::from_utf8(digits).expect("ASCII"), 16).expect("a size");
            at += end + 2;
            if size == 0 {
                return at + self.read_trailers(&text[at..]);
            }
            let there = &text[at..text.len().min(at + size)];
            self.data.extend_from_slice(there);
            at += there.len();
            let behind = &text[at..text.len().min(at + 2)];
            assert!(there.len() < size || b"\r\n".starts_with(behind), "a chunk does not end: {behind:?}");
            if behind.len() < 2 {
                return text.len();
            }
            at += 2;
        }
    }

    fn read_trailers(&mut self, text: &[u8]) -> usize {
        let mut at = 0;
        while let Some(end) = find(&text[at..], b"\r\n") {
            let from = at;
            at += end + 2;
            if end == 0 {
                self.whole = true;
                return at;
            }
            self.trailers.push(field(line(&text[from..at])));
        }
        text.len()
    }
}

/// A line without its end, which is CRLF and nothing else.
fn line(text: &[u8]) -> &[u8] {
    let line = text.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("{text:?} is not a line"));
    assert!(!line.contains(&b'\r') && !line.contains(&0), "{line:?} is several lines to some");
    line
}

fn field(line: &[u8]) -> Line {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or_else(|| panic!("{line:?} is no field"));
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    assert!(!name.is_empty() && name.iter().all(is_token), "{name:?} is no name");
    let value = value.strip_prefix(b" ").unwrap_or_else(|| panic!("no space in front of {value:?}"));
    (name.to_ascii_lowercase(), value.to_vec())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}
