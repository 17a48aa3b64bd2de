//! Shapes that several routes share.

use crate::problem::Problem;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The most items of a page that a client may ask for, and how many it gets when it does not ask.
pub(crate) const MOST_ITEMS: usize = 1000;
const USUAL_ITEMS: usize = 100;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next page; null on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that fits on one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Items per page, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// The number of items asked for, within bounds.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked {
        None => Ok(USUAL_ITEMS),
        Some(n) if (1..=MOST_ITEMS).contains(&n) => Ok(n),
        Some(n) => {
            Err(Problem::invalid(format!("`limit`: {n} is not within 1 to {MOST_ITEMS}.")).field("limit"))
        }
    }
}

/// For a field where absent means "leave it" and null means "clear it".
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_absent_are_two_things() {
        #[derive(Deserialize)]
        struct Patch {
            #[serde(default, deserialize_with = "present")]
            a: Option<Option<String>>,
        }
        let read = |json: &str| serde_json::from_str::<Patch>(json).unwrap().a;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"a": null}"#), Some(None));
        assert_eq!(read(r#"{"a": "x"}"#), Some(Some("x".into())));
    }

    #[test]
    fn limits_are_bounded() {
        assert_eq!(limit(None).unwrap(), 100);
        assert_eq!(limit(Some(1000)).unwrap(), 1000);
        assert_eq!(limit(Some(0)).unwrap_err().document().field.as_deref(), Some("limit"));
        assert!(limit(Some(1001)).is_err());
    }
}
