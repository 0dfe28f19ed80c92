//! Where bodies end (RFC 9112, 6.3) and whether the connection outlives the message (9.3). One answer per
//! message, or none at all.

use super::error::HeadError;
use crate::fields::{FieldId, FieldList};
use crate::head::{BodyLength, Method, RequestHead, ResponseHead, Version};

/// How much body follows a request's head.
///
/// # Errors
/// If the fields leave room for two opinions.
pub fn request_body(head: &RequestHead) -> Result<BodyLength, HeadError> {
    Ok(declared(head.version, &head.fields)?.unwrap_or(BodyLength::Empty))
}

/// What follows the head of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseBody {
    /// How much body.
    pub length: BodyLength,
    /// Whether the connection can serve another exchange after it.
    pub keeps: bool,
}

/// What follows the head of a response to a request with this method.
///
/// A 204 or 205 has no content, whatever it says (RFC 9110, 15.3.5 and 15.3.6). One that announces some is not
/// believed: what may come is not read, and nothing is asked on that connection again.
///
/// # Errors
/// If the fields leave room for two opinions, even where no body can follow.
pub fn response_body(request: Method, head: &ResponseHead) -> Result<ResponseBody, HeadError> {
    let declared = declared(head.version, &head.fields)?;
    let keeps = keep_alive(head.version, &head.fields);
    Ok(match head.status {
        204 | 205 => {
            let length = BodyLength::Empty;
            ResponseBody { length, keeps: keeps && declared.is_none_or(|declared| declared == length) }
        }
        ..200 | 304 => ResponseBody { length: BodyLength::Empty, keeps },
        _ if request == Method::Head => ResponseBody { length: BodyLength::Empty, keeps },
        _ => match declared {
            Some(length) => ResponseBody { length, keeps },
            None => ResponseBody { length: BodyLength::UntilClose, keeps: false },
        },
    })
}

/// What the fields say; `Exact(0)` is `Empty`.
fn declared(version: Version, fields: &FieldList) -> Result<Option<BodyLength>, HeadError> {
    let coding = single(fields, FieldId::TransferEncoding, HeadError::TransferEncoding)?;
    let length = single(fields, FieldId::ContentLength, HeadError::ContentLength)?;
    match (coding, length) {
        (Some(_), Some(_)) => Err(HeadError::TwoLengths),
        (Some(coding), None) => {
            if version == Version::H10 || !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadError::TransferEncoding);
            }
            Ok(Some(BodyLength::Streamed))
        }
        (None, Some(length)) => Ok(Some(match number(length)? {
            0 => BodyLength::Empty,
            n => BodyLength::Exact(n),
        })),
        (None, None) => Ok(None),
    }
}

fn single(fields: &FieldList, id: FieldId, error: HeadError) -> Result<Option<&[u8]>, HeadError> {
    let mut values = fields.values(id);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(error),
        (value, None) => Ok(value),
    }
}

/// Digits only, and no more than a signed 64-bit number holds: half of the world's parsers use one.
fn number(text: &[u8]) -> Result<u64, HeadError> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::ContentLength);
    }
    text.iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|number| *number <= i64::MAX as u64)
        .ok_or(HeadError::ContentLength)
}

/// Whether any `Connection` field lists an option, in any case.
#[must_use]
pub fn connection_has(fields: &FieldList, option: &[u8]) -> bool {
    fields
        .values(FieldId::Connection)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(option))
}

/// Whether the sender will read or write another message on this connection (RFC 9112, 9.3).
#[must_use]
pub fn keep_alive(version: Version, fields: &FieldList) -> bool {
    if !fields.has(FieldId::Connection) {
        return version != Version::H10;
    }
    !connection_has(fields, b"close") && (version != Version::H10 || connection_has(fields, b"keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fields: &[(&str, &str)]) -> FieldList {
        let mut list = FieldList::new();
        for (name, value) in fields {
            list.push(name.as_bytes(), value.as_bytes());
        }
        list
    }

    fn request(version: Version, fields: &[(&str, &str)]) -> Result<BodyLength, HeadError> {
        request_body(&RequestHead { version, fields: list(fields), ..RequestHead::default() })
    }

    #[test]
    fn a_length_is_one_plain_number_or_exactly_chunked() {
        use BodyLength::*;
        let good = [
            (vec![], Empty),
            (vec![("content-length", "0")], Empty),
            (vec![("Content-Length", "00012")], Exact(12)),
            (vec![("content-length", "9223372036854775807")], Exact(i64::MAX as u64)),
            (vec![("Transfer-Encoding", "Chunked")], Streamed),
        ];
        for (fields, body) in good {
            assert_eq!(request(Version::H11, &fields), Ok(body), "{fields:?}");
        }
        for bad in ["", "+5", "-5", "5 5", "5,5", "0x5", "5.0", "9223372036854775808", "99999999999999999999"]
        {
            assert_eq!(
                request(Version::H11, &[("content-length", bad)]),
                Err(HeadError::ContentLength),
                "{bad}"
            );
        }
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(request(Version::H11, &twice), Err(HeadError::ContentLength));
        for bad in ["gzip", "gzip, chunked", "chunked, chunked", "chunked;q=1", "identity", "", "x chunked"] {
            let fields = [("transfer-encoding", bad)];
            assert_eq!(request(Version::H11, &fields), Err(HeadError::TransferEncoding), "{bad}");
        }
        assert_eq!(
            request(Version::H10, &[("transfer-encoding", "chunked")]),
            Err(HeadError::TransferEncoding)
        );
        let both = [("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(request(Version::H11, &both), Err(HeadError::TwoLengths));
    }

    #[test]
    fn a_response_without_length_ends_with_its_connection() {
        type Row<'a> = (Method, u16, &'a [(&'a str, &'a str)], BodyLength, bool);
        let length = [("content-length", "3")];
        let table: [Row<'_>; 13] = [
            (Method::Get, 200, &[], BodyLength::UntilClose, false),
            (Method::Get, 200, &length, BodyLength::Exact(3), true),
            (Method::Get, 200, &[("content-length", "0")], BodyLength::Empty, true),
            (Method::Get, 200, &[("transfer-encoding", "chunked")], BodyLength::Streamed, true),
            (Method::Get, 200, &[("connection", "close"), length[0]], BodyLength::Exact(3), false),
            (Method::Head, 200, &length, BodyLength::Empty, true),
            (Method::Get, 304, &length, BodyLength::Empty, true),
            (Method::Get, 103, &length, BodyLength::Empty, true),
            (Method::Get, 204, &[], BodyLength::Empty, true),
            (Method::Get, 205, &[("content-length", "0")], BodyLength::Empty, true),
            // Content where none can be: it is not waited for, and does not become the next response.
            (Method::Get, 204, &length, BodyLength::Empty, false),
            (Method::Get, 205, &length, BodyLength::Empty, false),
            (Method::Head, 205, &[("transfer-encoding", "chunked")], BodyLength::Empty, false),
        ];
        for (method, status, fields, length, keeps) in table {
            let head = ResponseHead { status, fields: list(fields), ..ResponseHead::default() };
            let expected = Ok(ResponseBody { length, keeps });
            assert_eq!(response_body(method, &head), expected, "{method:?} {status} {fields:?}");
        }
        let broken =
            ResponseHead { status: 200, fields: list(&[("content-length", "x")]), ..ResponseHead::default() };
        assert_eq!(response_body(Method::Head, &broken), Err(HeadError::ContentLength));
    }

    #[test]
    fn connections_persist_by_version_and_option() {
        let table = [
            (Version::H11, "", true),
            (Version::H11, "close", false),
            (Version::H11, "x, Close", false),
            (Version::H10, "", false),
            (Version::H10, "Keep-Alive", true),
            (Version::H10, "keep-alive, close", false),
        ];
        for (version, option, keeps) in table {
            let fields = if option.is_empty() { list(&[]) } else { list(&[("connection", option)]) };
            assert_eq!(keep_alive(version, &fields), keeps, "{version:?} {option}");
        }
    }
}
