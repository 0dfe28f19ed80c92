//! Trace context (W3C Trace Context, level 2): a trace that a trusted client is part of goes on, with this gateway as
//! the parent of what follows; one that anybody else claims begins anew. It refuses to start traces on its own.

use eg_wire::fields::{FieldId, FieldList};

/// Length of version, trace, parent and flags with their dashes.
const LENGTH: usize = 55;

/// Makes the trace context what the endpoint shall see. `id` is what this gateway calls the request; its second half
/// is the span, and all of it the trace where one begins.
pub(super) fn go_on(fields: &mut FieldList, trusted: bool, id: &[u8; 32]) {
    if !fields.has(FieldId::Traceparent) {
        // A state without a parent belongs to no trace (3.3).
        fields.remove(FieldId::Tracestate);
        return;
    }
    let parent = valid_parent(fields).filter(|_| trusted);
    let (_, span) = id.split_at(16);
    let next = match parent {
        Some((trace, flags)) => [b"00-", trace, b"-", span, b"-", flags].concat(),
        None => [b"00-", id.as_slice(), b"-", span, b"-00"].concat(),
    };
    if parent.is_none() {
        fields.remove(FieldId::Tracestate);
    }
    fields.remove(FieldId::Traceparent);
    fields.push(b"traceparent", &next);
}

/// Trace and flags, if there is one parent of a form that can be read (3.2).
fn valid_parent(fields: &FieldList) -> Option<(&[u8], &[u8])> {
    let mut values = fields.values(FieldId::Traceparent);
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (known, rest) = value.split_at_checked(LENGTH)?;
    let mut parts = known.split(|byte| *byte == b'-');
    let [version, trace, parent, flags] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let is_hex = |text: &[u8], length: usize| {
        text.len() == length && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_some = |text: &[u8]| text.iter().any(|byte| *byte != b'0');
    // A version to come may have more behind another dash; version 00 has not, and ff is none.
    let ends_well = rest.is_empty() || (version != b"00" && rest.starts_with(b"-"));
    let has_form = is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    (has_form && is_some(trace) && is_some(parent) && version != b"ff" && ends_well).then_some((trace, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &[u8; 32] = b"0123456789abcdef1111222233334444";
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const ANEW: &str = "00-0123456789abcdef1111222233334444-1111222233334444-00";
    const ON: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111222233334444-01";

    fn after(lines: &[(&str, &str)], trusted: bool) -> Vec<String> {
        let mut fields = FieldList::new();
        for (name, value) in lines {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        go_on(&mut fields, trusted, ID);
        fields.iter().map(|field| String::from_utf8_lossy(field.value).into_owned()).collect()
    }

    #[test]
    fn a_trace_goes_on_where_it_is_believed_and_begins_anew_elsewhere() {
        let lines = [("traceparent", GOOD), ("tracestate", "a=1"), ("tracestate", "b=2")];
        assert_eq!(after(&lines, true), ["a=1", "b=2", ON]);
        assert_eq!(after(&lines, false), [ANEW]);
        assert!(after(&[("tracestate", "a=1")], true).is_empty());
        assert!(after(&[], false).is_empty(), "nobody asked for a trace");
    }

    #[test]
    fn what_is_no_trace_context_begins_one() {
        let good: [&str; 2] = [GOOD, "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"];
        for value in good {
            assert_eq!(after(&[("traceparent", value)], true), [ON], "{value}");
        }
        for value in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b70-01",
        ] {
            assert_eq!(after(&[("traceparent", value), ("tracestate", "a=1")], true), [ANEW], "{value}");
        }
        assert_eq!(after(&[("traceparent", GOOD), ("Traceparent", GOOD)], true), [ANEW]);
    }
}
