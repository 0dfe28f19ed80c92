//! [`FieldEdits`]: what an operator wants changed in the fields of a message. Values are literal; whether a name may
//! be changed was asked when the edits were made.

use eg_wire::fields::FieldList;

/// Changes to fields: first some are removed, then some are set, then some are added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldEdits {
    /// Names whose every occurrence goes.
    pub remove: Vec<String>,
    /// Fields that replace all of their name.
    pub set: Vec<(String, String)>,
    /// Fields that join those of their name.
    pub add: Vec<(String, String)>,
}

impl FieldEdits {
    /// Makes the changes.
    pub fn apply(&self, fields: &mut FieldList) {
        for name in &self.remove {
            fields.remove_named(name.as_bytes());
        }
        for (name, value) in &self.set {
            fields.set(name.as_bytes(), value.as_bytes());
        }
        for (name, value) in &self.add {
            fields.push(name.as_bytes(), value.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_comes_before_setting_and_setting_before_adding() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let edits = FieldEdits {
            remove: vec!["X-Debug".to_owned(), "x-set".to_owned()],
            set: vec![pair("x-set", "1"), pair("x-new", "2")],
            add: vec![pair("X-New", "3"), pair("x-debug", "4")],
        };
        let mut fields = FieldList::new();
        for (name, value) in
            [("x-debug", "a"), ("X-SET", "b"), ("Accept", "c"), ("X-Debug", "d"), ("x-set", "e")]
        {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        edits.apply(&mut fields);
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown: Vec<String> =
            fields.iter().map(|field| format!("{}: {}", show(field.name), show(field.value))).collect();
        assert_eq!(shown, ["Accept: c", "x-set: 1", "x-new: 2", "X-New: 3", "x-debug: 4"]);
    }
}
