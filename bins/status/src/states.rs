//! Orders of people about servers: who may give them, which server is meant, the state it gets.

use std::{collections::BTreeSet, fmt::Display};

use fosse_counters::{NoPlace, ServerState, StatesPage};
use fosse_die::info;

use crate::{
    pages::Pages,
    policy::POLICY,
    request::{Change, ServerOrder},
    response::Response,
};

/// The page of states, and the user who may change it beside root.
#[derive(Debug)]
pub(crate) struct States {
    page: StatesPage,
    uid: u32,
}

impl States {
    /// Goes on in a page. `uid` runs the edge.
    pub(crate) const fn new(page: StatesPage, uid: u32) -> Self {
        Self { page, uid }
    }

    /// Carries out the order of a user.
    pub(crate) fn carry_out(&self, order: &ServerOrder, uid: u32, pages: &Pages) -> Response {
        if uid != 0 && uid != self.uid {
            return Response::said(403, "root alone, or the user who runs the edge, may change servers\n");
        }
        let name = match chosen(&pages.servers(), &order.server) {
            Ok(name) => name,
            Err(refusal) => return refusal,
        };
        let before = self.page.get(&name);
        let state = match order.change {
            Change::Drain => ServerState { drained: true, ..before },
            Change::Ready => ServerState { drained: false, ..before },
            Change::Weight(weight) => ServerState { weight, ..before },
        };
        if self.page.set(&name, state) == Err(NoPlace) {
            return Response::said(507, "there is no place for one more: make servers ready that are drained\n");
        }
        let weight: &dyn Display = state.weight.as_ref().map_or(&"default", |weight| weight);
        let drained = if state.drained { "yes" } else { "no" };
        info(
            POLICY.program,
            format_args!("event=server-state server={name} drained={drained} weight={weight} uid={uid}"),
        );
        Response::said(200, &format!("{name} drained={drained} weight={weight}\n"))
    }
}

/// Returns the server that is meant: by the name of its backend, a slash and its address, or by an
/// address that one backend alone has.
fn chosen(servers: &BTreeSet<String>, meant: &str) -> Result<String, Response> {
    if servers.contains(meant) {
        return Ok(meant.to_owned());
    }
    let has_address = |name: &&String| name.split_once('/').is_some_and(|(_, address)| address == meant);
    let named: Vec<&str> = servers.iter().filter(has_address).map(String::as_str).collect();
    match named.as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => {
            let some: Vec<&str> = servers.iter().map(String::as_str).take(NAMES_SAID_MAX).collect();
            let dots = if servers.len() > NAMES_SAID_MAX { ", ..." } else { "" };
            Err(Response::said(404, &format!("there is no such server; there are {}{dots}\n", some.join(", "))))
        }
        several => Err(Response::said(409, &format!("several backends have it: say {}\n", several.join(" or ")))),
    }
}

/// Names that are said where one is wrong.
const NAMES_SAID_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_meant_by_its_name_or_by_an_address_that_is_the_only_one() {
        let servers = ["app/127.0.0.1:1", "api/127.0.0.1:1", "api/unix:/run/a/b"].map(str::to_owned).into();
        let name = |meant| chosen(&servers, meant).map_err(|refusal| refusal.status());
        assert_eq!(name("app/127.0.0.1:1"), Ok("app/127.0.0.1:1".into()));
        assert_eq!(name("unix:/run/a/b"), Ok("api/unix:/run/a/b".into()));
        assert_eq!((name("127.0.0.1:1"), name("127.0.0.1:2"), name("app")), (Err(409), Err(404), Err(404)));
    }
}
