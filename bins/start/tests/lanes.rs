//! What a lane consists of follows from what its sites need.

use fosse_harness::{Backend, Edge, get, wait_for};

const ATTACK: &str = "/?q=%3Cscript%3Ealert(1)%3C/script%3E";

fn configuration(backend: &Backend, waf: &str, buffers: bool) -> String {
    let server = backend.address();
    format!(
        "lanes = 1\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nbackend = \"app\"\nwaf = \"{waf}\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"{server}\"]\nbuffer_requests = {buffers}\n"
    )
}

#[test]
fn a_lane_has_a_filter_where_a_site_needs_one_and_changes_with_a_reload() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend, "off", false), &[]);
    assert_eq!((edge.children_of("waf-filter").len(), get(edge.address(), ATTACK).status), (0, 200));

    edge.reload(&configuration(&backend, "block", false));
    assert_eq!(get(edge.address(), ATTACK).status, 403);

    edge.reload(&configuration(&backend, "off", true));
    assert_eq!(get(edge.address(), ATTACK).status, 200);
    wait_for("a filter and no zygote", || (edge.children_of("waf-filter").len() == 1).then_some(()));

    edge.reload(&configuration(&backend, "off", false));
    wait_for("lanes without a filter", || edge.children_of("waf-filter").is_empty().then_some(()));
    assert_eq!(get(edge.address(), ATTACK).status, 200);
}
