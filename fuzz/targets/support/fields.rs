//! Fields as readers see them, to be compared with those of another message.

use eg_wire::fields::{Field, FieldId, FieldList};

/// Name and value.
pub(crate) type Line = (Vec<u8>, Vec<u8>);

/// What a message says, in order and as it was spelt, less what a codec writes from what it knows.
pub(crate) fn said(fields: &FieldList) -> Vec<Line> {
    let kept = |field: &Field<'_>| {
        !matches!(
            field.id,
            FieldId::Host
                | FieldId::Connection
                | FieldId::KeepAlive
                | FieldId::ProxyConnection
                | FieldId::ContentLength
                | FieldId::TransferEncoding
        )
    };
    lines(fields).filter(kept).map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

/// All fields, each of which must be a line of its own to every reader (RFC 9110, 5.5 and 5.6.2).
pub(crate) fn lines(fields: &FieldList) -> impl Iterator<Item = Field<'_>> {
    fields.iter().inspect(|field| {
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        assert!(!field.name.is_empty() && field.name.iter().all(is_token), "{field:?} has no name");
        let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        assert!(field.value.iter().all(is_text), "{field:?} is more than a line");
        assert!(field.value.trim_ascii() == field.value, "{field:?} has room around it");
    })
}
