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

/// How much body follows the head of a response to a request with this method.
///
/// # Errors
/// If the fields leave room for two opinions, even where no body can follow.
pub fn response_body(request: Method, head: &ResponseHead) -> Result<BodyLength, HeadError> {
    let declared = declared(head.version, &head.fields)?;
    if request == Method::Head || head.status < 200 || matches!(head.status, 204 | 205 | 304) {
        return Ok(BodyLength::Empty);
    }
    Ok(declared.unwrap_or(BodyLength::UntilClose))
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
        let response = |method, status, fields: &[(&str, &str)]| {
            response_body(method, &ResponseHead { status, fields: list(fields), ..ResponseHead::default() })
        };
        assert_eq!(response(Method::Get, 200, &[]), Ok(BodyLength::UntilClose));
        assert_eq!(response(Method::Get, 200, &[("content-length", "3")]), Ok(BodyLength::Exact(3)));
        for (method, status) in
            [(Method::Head, 200), (Method::Get, 204), (Method::Get, 304), (Method::Get, 103)]
        {
            assert_eq!(
                response(method, status, &[("content-length", "3")]),
                Ok(BodyLength::Empty),
                "{status}"
            );
        }
        assert_eq!(response(Method::Head, 200, &[("content-length", "x")]), Err(HeadError::ContentLength));
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
