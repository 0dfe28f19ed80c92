//! Which route? Hosts from the most specific to none, then the order of the file. It refuses to parse: hosts arrive
//! without port, and paths in the one form that [`normalise`] gives them, which is the form endpoints see.

mod conditions;
mod path;
mod rules;

use std::net::IpAddr;
use std::sync::Arc;

use eg_wire::head::RequestHead;
use rustc_hash::FxHashMap;

pub use self::conditions::{Conditions, TextMatch};
pub use self::path::{BadPath, EncodedSlashes, Normalised, normalise};
use self::rules::Rules;
pub use self::rules::{PathMatch, Rule};
use crate::snapshot::Route;

/// Longest host that is looked up by name (RFC 1035, 2.3.4).
pub(crate) const MAX_HOST: usize = 255;

/// What a route is chosen by.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Method, authority, query and fields.
    pub head: &'a RequestHead,
    /// The path, normalised, without query; `/` for `OPTIONS *`.
    pub path: &'a [u8],
    /// The client itself, whoever is connected.
    pub client: IpAddr,
}

/// The routes of one listener.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    exact: FxHashMap<Box<[u8]>, Rules>,
    /// By the suffix behind `*.`.
    wildcard: FxHashMap<Box<[u8]>, Rules>,
    /// Length of the longest suffix in `wildcard`: a host made of dots shall not cost a look-up for each.
    longest_suffix: usize,
    any: Rules,
}

impl RouteTable {
    /// Adds a rule behind those that are there. `hosts`: lower-case, exact or `*.` and a suffix; empty: any host.
    pub(crate) fn add(&mut self, hosts: &[String], rule: &Arc<Rule>) {
        if hosts.is_empty() {
            self.any.push(rule);
            return;
        }
        for host in hosts {
            let rules = match host.strip_prefix("*.") {
                None => self.exact.entry(host.as_bytes().into()).or_default(),
                Some(suffix) => {
                    self.longest_suffix = self.longest_suffix.max(suffix.len());
                    self.wildcard.entry(suffix.as_bytes().into()).or_default()
                }
            };
            rules.push(rule);
        }
    }

    /// The first match.
    pub(crate) fn find(&self, asked: &Asked<'_>) -> Option<&Arc<Route>> {
        let mut buffer = [0; MAX_HOST];
        let named =
            lower_case(asked.head.host(), &mut buffer).and_then(|host| self.find_by_host(host, asked));
        named.or_else(|| self.any.find(asked))
    }

    fn find_by_host(&self, host: &[u8], asked: &Asked<'_>) -> Option<&Arc<Route>> {
        let exact = self.exact.get(host).and_then(|rules| rules.find(asked));
        exact.or_else(|| {
            // From the longest suffix to the shortest; `*` stands for at least one character.
            memchr::memchr_iter(b'.', host)
                .filter(|dot| *dot > 0)
                .filter_map(|dot| host.get(dot + 1..))
                .filter(|suffix| suffix.len() <= self.longest_suffix)
                .find_map(|suffix| self.wildcard.get(suffix)?.find(asked))
        })
    }
}

/// The form that tables have hosts in; none if it is longer than any host in them.
fn lower_case<'a>(host: &[u8], buffer: &'a mut [u8; MAX_HOST]) -> Option<&'a [u8]> {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let lower = buffer.get_mut(..host.len())?;
    lower.copy_from_slice(host);
    lower.make_ascii_lowercase();
    Some(lower)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::snapshot::fixture::{self, route};

    /// Where a listener with these routes sends a request.
    fn answers(routes: &[Value], requests: &[(&str, &str)]) -> Vec<Option<String>> {
        let snapshot = fixture::snapshot(&fixture::spec(routes));
        let answer = |(host, path): &(&str, &str)| fixture::routed(&snapshot.listeners[0], host, path);
        requests.iter().map(answer).collect()
    }

    #[test]
    fn the_most_specific_host_wins_and_then_the_order_of_the_file() {
        let routes = [
            route("any-x", &[], Some("/x")),
            route("wild", &["*.example.com"], None),
            route("deep", &["*.eu.example.com"], Some("/d")),
            route("exact-a", &["shop.example.com"], Some("/a")),
            route("exact-a-again", &["shop.example.com"], Some("/a/b")),
            route("com", &["*.com", "com"], Some("/c")),
            route("any", &[], Some("/y")),
        ];
        let table = [
            // The exact host, in any spelling; the first of its routes, although a longer prefix follows.
            ("shop.example.com", "/a/b", Some("exact-a")),
            ("SHOP.Example.COM.", "/a", Some("exact-a")),
            // No route of it has the path: on to the wildcards, longest suffix first.
            ("shop.example.com", "/b", Some("wild")),
            ("a.eu.example.com", "/d/1", Some("deep")),
            ("a.eu.example.com", "/e", Some("wild")),
            ("a.b.eu.example.com", "/d", Some("deep")),
            // A wildcard is of any depth, not of none.
            ("a.b.example.com", "/", Some("wild")),
            ("eu.example.com", "/d", Some("wild")),
            ("example.com", "/c", Some("com")),
            ("com", "/c", Some("com")),
            ("example.com", "/", None),
            (".com", "/c", None),
            // Then what asks for no host.
            ("com", "/x", Some("any-x")),
            ("other.org", "/x/y", Some("any-x")),
            ("other.org", "/xx", None),
            ("", "/y", Some("any")),
            ("[::1]", "/y", Some("any")),
        ];
        let requests: Vec<(&str, &str)> = table.iter().map(|(host, path, _)| (*host, *path)).collect();
        for ((host, path, expected), found) in table.iter().zip(answers(&routes, &requests)) {
            assert_eq!(found.as_deref(), *expected, "{host}{path}");
        }
    }

    #[test]
    fn a_host_that_is_too_long_to_be_one_matches_what_asks_for_none() {
        let long = format!("{}.example.com", "a".repeat(MAX_HOST - ".example.com".len()));
        let longer = format!("a{long}");
        let routes = [route("wild", &["*.example.com"], None), route("any", &[], None)];
        let found = answers(&routes, &[(&long, "/"), (&format!("{long}."), "/"), (&longer, "/")]);
        assert_eq!(found, [Some("wild".into()), Some("wild".into()), Some("any".into())]);
    }

    #[test]
    fn a_prefix_is_of_whole_segments() {
        let table = [
            ("/a", "/a", true),
            ("/a/b", "/a", true),
            ("/a/", "/a", true),
            ("/ab", "/a", false),
            ("/A", "/a", false),
            ("/a/b", "/a/", true),
            ("/a/", "/a/", true),
            ("/a", "/a/", false),
            ("/x", "/", true),
            ("/", "/", true),
        ];
        for (path, prefix, below) in table {
            let found = answers(&[route("r", &[], Some(prefix))], &[("a", path)]);
            assert_eq!(found[0].is_some(), below, "{path} below {prefix}");
        }
    }

    /// The rule again, without tables: of the routes that match, the one with the most specific host, then the first.
    fn by_the_book(routes: &[(Option<String>, Option<String>)], host: &str, path: &str) -> Option<usize> {
        let host = host.to_ascii_lowercase();
        let specificity = |pattern: &Option<String>| match pattern.as_deref() {
            None => Some(0),
            Some(exact) if exact == host => Some(usize::MAX),
            Some(pattern) => {
                let suffix = pattern.strip_prefix('*')?;
                (host.len() > suffix.len() && host.ends_with(suffix)).then_some(suffix.len())
            }
        };
        let has_path = |prefix: &Option<String>| match prefix.as_deref() {
            None | Some("/") => true,
            Some(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
        };
        let matching = routes.iter().enumerate().filter(|(_, (_, prefix))| has_path(prefix));
        matching
            .filter_map(|(at, (pattern, _))| Some((specificity(pattern)?, std::cmp::Reverse(at))))
            .max()
            .map(|(_, std::cmp::Reverse(at))| at)
    }

    proptest! {
        #[test]
        fn the_table_finds_what_the_rule_says(
            routes in proptest::collection::vec(
                (proptest::option::of("(\\*\\.)?[ab](\\.[ab]){0,2}"), proptest::option::of("/([ab](/[ab])?)?")),
                0..8,
            ),
            host in "[abAB](\\.[abAB]){0,4}",
            path in "/[ab]{0,2}(/[ab])?",
        ) {
            let specs: Vec<Value> = routes.iter().enumerate().map(|(at, (host, prefix))| {
                let hosts: Vec<&str> = host.as_deref().into_iter().collect();
                route(&at.to_string(), &hosts, prefix.as_deref())
            }).collect();
            let found = answers(&specs, &[(&host, &path)]).remove(0);
            prop_assert_eq!(found, by_the_book(&routes, &host, &path).map(|at| at.to_string()));
        }
    }
}
