//! Header fields: ordered, case-insensitive, repeatable, bounded.

use super::MAX_HEADERS;

/// The header fields of one message in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(Box<str>, Box<str>)>,
}

impl Headers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }
    /// The first value of `name`, case-insensitively.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v)
    }
    /// Every value of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v)
    }
    /// Adds a field after the others. Control characters become blanks, so that no value can end its line.
    /// Returns false, and adds nothing, when there are [`MAX_HEADERS`] already.
    pub fn push(&mut self, name: &str, value: &str) -> bool {
        if self.fields.len() >= MAX_HEADERS {
            return false;
        }
        self.fields.push((clean(name), clean(value)));
        true
    }
    /// Replaces every field `name` by one.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.push(name, value);
    }
    /// Takes every field `name` away.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }
    /// Name and value of each field in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(n, v)| (&**n, &**v))
    }
    /// How many fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
    /// The digits of the first value of `name`, blanks ignored and whatever follows the digits dropped
    /// (`" 4 60"`, `"60s"`). `None` when there is no such field, no digit, or too many.
    pub fn number(&self, name: &str) -> Option<u64> {
        lenient_number(self.get(name)?)
    }
    /// Continues the newest field's value, as an indented line does (RFC 2326 §4.2, after RFC 822).
    pub(super) fn fold(&mut self, more: &str) {
        if let Some((_, value)) = self.fields.last_mut() {
            *value = format!("{value} {}", clean(more)).into_boxed_str();
        }
    }
}

/// A decimal number with blanks anywhere in it and anything after it.
pub(super) fn lenient_number(text: &str) -> Option<u64> {
    let digits: String =
        text.chars().filter(|c| !c.is_whitespace()).take_while(char::is_ascii_digit).take(20).collect();
    digits.parse().ok()
}

fn clean(text: &str) -> Box<str> {
    let text = text.trim();
    if text.bytes().any(|b| b.is_ascii_control()) {
        text.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect::<String>().into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_case_insensitive_and_values_cannot_break_the_line() {
        let mut h = Headers::new();
        h.push("CSeq", " 7\r\nEvil: yes ");
        h.push("cseq", "8");
        assert_eq!(h.get("cSEQ"), Some("7  Evil: yes"));
        assert_eq!(h.get_all("CSEQ").count(), 2);
        h.set("CSeq", "9");
        assert_eq!(h.get_all("cseq").collect::<Vec<_>>(), ["9"]);
    }

    #[test]
    fn numbers_with_blanks_and_units_are_read() {
        assert_eq!(lenient_number(" 4 60"), Some(460));
        assert_eq!(lenient_number("60s"), Some(60));
        assert_eq!(lenient_number("sixty"), None);
        assert_eq!(lenient_number("99999999999999999999999"), None);
    }

    #[test]
    fn the_number_of_fields_is_bounded() {
        let mut h = Headers::new();
        for _ in 0..MAX_HEADERS {
            assert!(h.push("A", "b"));
        }
        assert!(!h.push("A", "b"));
        assert_eq!(h.len(), MAX_HEADERS);
    }
}
