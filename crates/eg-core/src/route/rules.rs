//! [`Rules`]: the routes of one host in the order of the file, found by path without looking at each: what a path can
//! match is under itself, under each of its ancestors, or asks for no literal path.

use std::sync::Arc;

use regex::bytes::Regex;
use rustc_hash::FxHashMap;

use super::Asked;
use super::conditions::Conditions;
use crate::snapshot::Route;

/// What is asked of the path.
#[derive(Debug, Clone)]
pub enum PathMatch {
    /// Nothing.
    Any,
    /// To be this.
    Exact(Box<[u8]>),
    /// To be this or below it: `/a` leads to `/a` and `/a/b`, not to `/ab`; `/a/` leads to what is below it.
    Prefix(Box<[u8]>),
    /// To be matched by this from end to end.
    Pattern(Regex),
}

/// What is asked of a request beside its host, and where a match leads.
#[derive(Debug)]
pub struct Rule {
    /// Of its path.
    pub path: PathMatch,
    /// Of the rest.
    pub conditions: Conditions,
    /// Where it leads.
    pub route: Arc<Route>,
}

/// Places of rules in their list, ascending.
type Places = Vec<u32>;

#[derive(Debug, Default)]
pub(super) struct Rules {
    list: Vec<Arc<Rule>>,
    exact: FxHashMap<Box<[u8]>, Places>,
    prefix: FxHashMap<Box<[u8]>, Places>,
    /// Length of the longest prefix: a path made of slashes shall not cost a look-up for each.
    longest_prefix: usize,
    /// Those that ask for no path, or for a pattern.
    others: Places,
}

impl Rules {
    pub(super) fn push(&mut self, rule: &Arc<Rule>) {
        let place = self.list.len() as u32;
        match &rule.path {
            PathMatch::Exact(path) => self.exact.entry(path.clone()).or_default().push(place),
            PathMatch::Prefix(prefix) if **prefix != *b"/" => {
                self.longest_prefix = self.longest_prefix.max(prefix.len());
                self.prefix.entry(prefix.clone()).or_default().push(place);
            }
            PathMatch::Prefix(_) | PathMatch::Any | PathMatch::Pattern(_) => self.others.push(place),
        }
        self.list.push(rule.clone());
    }

    /// The first rule of the list that matches.
    pub(super) fn find(&self, asked: &Asked<'_>) -> Option<&Arc<Route>> {
        let path = asked.path;
        let mut first = self.first_of(&self.others, u32::MAX, asked);
        if let Some(places) = self.exact.get(path) {
            first = self.first_of(places, first, asked);
        }
        if !self.prefix.is_empty() {
            for prefix in ancestors(path, self.longest_prefix) {
                if let Some(places) = self.prefix.get(prefix) {
                    first = self.first_of(places, first, asked);
                }
            }
        }
        self.list.get(first as usize).map(|rule| &rule.route)
    }

    /// The first place before `bound` whose rule matches; `bound` if there is none.
    fn first_of(&self, places: &[u32], bound: u32, asked: &Asked<'_>) -> u32 {
        let matches = |place: &&u32| self.list.get(**place as usize).is_some_and(|rule| rule.matches(asked));
        places.iter().take_while(|place| **place < bound).find(matches).copied().unwrap_or(bound)
    }
}

impl Rule {
    /// Whether it matches, given that a literal path has been compared.
    fn matches(&self, asked: &Asked<'_>) -> bool {
        let has_path = match &self.path {
            PathMatch::Pattern(pattern) => pattern.is_match(asked.path),
            _ => true,
        };
        has_path && self.conditions.hold(asked)
    }
}

/// Every prefix of whole segments that a path is at or below, with and without a slash at its end, up to a length.
fn ancestors(path: &[u8], longest: usize) -> impl Iterator<Item = &[u8]> {
    let slashes = memchr::memchr_iter(b'/', path).take_while(move |at| *at <= longest);
    let inner = slashes.flat_map(move |at| [path.get(..at), path.get(..=at)]).flatten();
    let whole = (path.last() != Some(&b'/')).then_some(path);
    inner.chain(whole).filter(move |prefix| !prefix.is_empty() && prefix.len() <= longest)
}

#[cfg(test)]
mod tests {
    use super::ancestors;

    #[test]
    fn a_path_is_below_whole_segments() {
        let of = |path: &str, longest| {
            let found = ancestors(path.as_bytes(), longest);
            found.map(|prefix| String::from_utf8_lossy(prefix).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of("/", 9), ["/"]);
        assert_eq!(of("/a", 9), ["/", "/a"]);
        assert_eq!(of("/a/b", 9), ["/", "/a", "/a/", "/a/b"]);
        assert_eq!(of("/a/b/", 9), ["/", "/a", "/a/", "/a/b", "/a/b/"]);
        assert_eq!(of("/a//b", 9), ["/", "/a", "/a/", "/a/", "/a//", "/a//b"]);
        assert_eq!(of("/abc/def", 4), ["/", "/abc"]);
    }
}
