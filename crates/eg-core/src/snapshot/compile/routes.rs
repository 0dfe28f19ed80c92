//! From the description of routes to what is walked for each request: what would never match is refused, and so is
//! what would let a message be read in two ways.

use std::fmt;
use std::sync::Arc;

use eg_wire::fields::FieldId;
use eg_wire::h1::is_authority;
use regex::bytes::{Regex, RegexBuilder};

use super::super::spec::{
    ActionSpec, FieldEditsSpec, MatchSpec, PartSpec, PathSpec, RewriteSpec, RouteSpec, RouteTimeoutsSpec,
    TextSpec,
};
use super::super::{Listener, Pool, Redirect, Respond, Route, RouteAction, RouteTimeouts, values};
use super::{Result, pool_at, refuse, timeout};
use crate::addresses::AddressSet;
use crate::headers::FieldEdits;
use crate::route::{Conditions, PathMatch, Rule, TextMatch};

/// Most memory that one compiled pattern may take.
const MAX_PATTERN: usize = 1 << 20;

pub(super) fn add_route(spec: &RouteSpec, pools: &[Arc<Pool>], listeners: &mut [Listener]) -> Result<()> {
    let thing = format!("route {}", spec.name);
    for host in &spec.matches.hosts {
        if let Err(reason) = values::host(host) {
            return refuse(thing, format_args!("host {host:?}: {reason}"));
        }
    }
    let rule = Arc::new(Rule {
        path: compile_path(&thing, spec.matches.path.as_ref())?,
        conditions: compile_conditions(&thing, &spec.matches)?,
        route: Arc::new(compile_route(&thing, spec, pools)?),
    });
    for index in &spec.listeners {
        match listeners.get_mut(*index as usize) {
            Some(listener) => {
                listener.table.add(&spec.matches.hosts, &rule);
                for (name, _) in &rule.conditions.fields {
                    if !listener.matched_fields.contains(name) {
                        listener.matched_fields.push(name.clone());
                    }
                }
            }
            None => return refuse(thing, format_args!("there is no listener {index}")),
        }
    }
    Ok(())
}

fn compile_route(thing: &str, spec: &RouteSpec, pools: &[Arc<Pool>]) -> Result<Route> {
    let (strip_prefix, host) = compile_rewrite(thing, &spec.rewrite)?;
    Ok(Route {
        name: spec.name.clone(),
        action: compile_action(thing, &spec.action, pools)?,
        strip_prefix,
        host,
        request_fields: compile_edits(thing, "request", &spec.request_fields)?,
        response_fields: compile_edits(thing, "response", &spec.response_fields)?,
        timeouts: compile_route_timeouts(thing, &spec.timeouts)?,
    })
}

fn compile_route_timeouts(thing: &str, spec: &RouteTimeoutsSpec) -> Result<RouteTimeouts> {
    Ok(RouteTimeouts {
        request: spec.request.map(|span| timeout(thing, "request", span)).transpose()?,
        first_byte: spec.first_byte.map(|span| timeout(thing, "first_byte", span)).transpose()?,
    })
}

// --- what matches --------------------------------------------------------------------------------------

fn compile_path(thing: &str, spec: Option<&PathSpec>) -> Result<PathMatch> {
    let literal = |key: &str, path: &String| match values::path_prefix(path) {
        Ok(()) => Ok(path.as_bytes().into()),
        Err(reason) => refuse(thing, format_args!("{key} {path:?}: {reason}")),
    };
    Ok(match spec {
        None => PathMatch::Any,
        Some(PathSpec::Exact(path)) => PathMatch::Exact(literal("path", path)?),
        Some(PathSpec::Prefix(path)) => PathMatch::Prefix(literal("path_prefix", path)?),
        Some(PathSpec::Pattern(text)) => {
            PathMatch::Pattern(pattern(format_args!("{thing}: path_regex"), text)?)
        }
    })
}

fn compile_conditions(thing: &str, spec: &MatchSpec) -> Result<Conditions> {
    for method in &spec.methods {
        if !values::is_token(method) {
            return refuse(thing, format_args!("methods {method:?}: it is not a method"));
        }
    }
    let text = |kind: &str, (name, spec): &(String, TextSpec)| -> Result<(Box<[u8]>, TextMatch)> {
        let matches = match spec {
            TextSpec::Present => TextMatch::Present,
            TextSpec::Equal(text) => TextMatch::Equal(text.as_bytes().into()),
            TextSpec::Pattern(text) => {
                TextMatch::Pattern(pattern(format_args!("{thing}: {kind} {name:?}"), text)?)
            }
        };
        Ok((name.as_bytes().into(), matches))
    };
    if let Some((name, _)) = spec.fields.iter().find(|(name, _)| !values::is_token(name)) {
        return refuse(thing, format_args!("headers {name:?}: it is not the name of a field"));
    }
    Ok(Conditions {
        methods: spec.methods.iter().map(|method| method.as_bytes().into()).collect(),
        fields: spec.fields.iter().map(|pair| text("headers", pair)).collect::<Result<_>>()?,
        query: spec.query.iter().map(|pair| text("query", pair)).collect::<Result<_>>()?,
        clients: if spec.clients.is_empty() {
            None
        } else {
            Some(addresses(thing, "client_ip", &spec.clients)?)
        },
    })
}

/// A set of addresses, or why it is none.
pub(super) fn addresses(thing: &str, key: &str, prefixes: &[String]) -> Result<AddressSet> {
    AddressSet::read(prefixes.iter().map(String::as_str))
        .or_else(|reason| refuse(thing, format_args!("{key}: {reason}")))
}

/// A regular expression that matches from end to end; its time is linear in the text (regex crate).
fn pattern(thing: impl fmt::Display, text: &str) -> Result<Regex> {
    build(text).or_else(|error| refuse(thing, format_args!("{text:?} is not a regular expression: {error}")))
}

fn build(text: &str) -> std::result::Result<Regex, regex::Error> {
    // Alone first: what is not one expression by itself could become one between brackets.
    let alone = RegexBuilder::new(text).unicode(false).size_limit(MAX_PATTERN).build()?;
    RegexBuilder::new(&format!("\\A(?:{})\\z", alone.as_str())).unicode(false).size_limit(MAX_PATTERN).build()
}

/// What is wrong with a regular expression, if anything is.
#[must_use]
pub fn pattern_complaint(text: &str) -> Option<String> {
    build(text).err().map(|error| error.to_string())
}

// --- what is done --------------------------------------------------------------------------------------

fn compile_action(thing: &str, spec: &ActionSpec, pools: &[Arc<Pool>]) -> Result<RouteAction> {
    Ok(match spec {
        ActionSpec::Pool(index) => {
            RouteAction::Pool(pool_at(pools, *index).or_else(|reason| refuse(thing, reason))?)
        }
        ActionSpec::Redirect { to, status } => {
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return refuse(thing, format_args!("redirect: {status} does not send anybody anywhere"));
            }
            let is_clean = |part: &PartSpec| match part {
                PartSpec::Text(text) => text.bytes().all(|byte| byte.is_ascii_graphic()),
                _ => true,
            };
            if to.is_empty() || !to.iter().all(is_clean) {
                return refuse(thing, "redirect: it is not a place; write what is not ASCII as %XX");
            }
            RouteAction::Redirect(Redirect { status: *status, to: to.clone() })
        }
        ActionSpec::Respond { status, body, content_type } => {
            if !(200..600).contains(status) {
                return refuse(thing, format_args!("respond: {status} is not between 200 and 599"));
            }
            if matches!(status, 204 | 205 | 304) && !body.is_empty() {
                return refuse(thing, format_args!("respond: a {status} has no body"));
            }
            if !values::is_field_value(content_type) {
                return refuse(thing, format_args!("respond: {content_type:?} is not a content type"));
            }
            let (body, content_type) = (body.clone(), content_type.clone());
            RouteAction::Respond(Respond { status: *status, body, content_type })
        }
    })
}

type Rewrite = (Option<Box<[u8]>>, Option<Box<[u8]>>);

fn compile_rewrite(thing: &str, spec: &RewriteSpec) -> Result<Rewrite> {
    if let Some(host) = spec.host.as_deref()
        && !is_authority(host.as_bytes())
    {
        return refuse(thing, format_args!("rewrite.host {host:?}: it is not a host"));
    }
    if let Some(prefix) = spec.strip_prefix.as_deref()
        && let Err(reason) = values::path_prefix(prefix)
    {
        return refuse(thing, format_args!("rewrite.strip_prefix {prefix:?}: {reason}"));
    }
    let strip = |prefix: &String| prefix.strip_suffix('/').unwrap_or(prefix).as_bytes().into();
    Ok((spec.strip_prefix.as_ref().map(strip), spec.host.as_ref().map(|host| host.as_bytes().into())))
}

fn compile_edits(thing: &str, side: &str, spec: &FieldEditsSpec) -> Result<FieldEdits> {
    for name in spec.remove.iter().chain(spec.set.iter().chain(&spec.add).map(|(name, _)| name)) {
        if !values::is_token(name) {
            return refuse(thing, format_args!("headers.{side} {name:?}: it is not the name of a field"));
        }
        if is_the_codecs(FieldId::of(name.as_bytes())) {
            return refuse(
                thing,
                format_args!("headers.{side} {name:?}: how messages are framed is not to be changed"),
            );
        }
    }
    if let Some((name, value)) =
        spec.set.iter().chain(&spec.add).find(|(_, value)| !values::is_field_value(value))
    {
        return refuse(
            thing,
            format_args!("headers.{side} {name:?}: {value:?} cannot be the value of a field"),
        );
    }
    Ok(FieldEdits { remove: spec.remove.clone(), set: spec.set.clone(), add: spec.add.clone() })
}

/// Whether a field is written from what a message is, or says where it goes.
fn is_the_codecs(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::Te
            | FieldId::Host
            | FieldId::Expect
            | FieldId::Trailer
            | FieldId::Upgrade
            | FieldId::Connection
            | FieldId::KeepAlive
            | FieldId::ContentLength
            | FieldId::ProxyConnection
            | FieldId::TransferEncoding
            | FieldId::Http2Settings
    )
}
