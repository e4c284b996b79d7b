//! Names of servers, with a real edge and a name server that says what the test wants.

mod follows;
mod hostile;
mod name_server;

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fosse_harness::{Client, Edge, Response, wait_for};

use crate::name_server::NameServer;

/// Applications at 127.0.0.2, 127.0.0.3 and so on, all at one port: each responds with the last
/// part of its address, over connections that it keeps.
struct Apps {
    port: u16,
    /// Connections of each that are open.
    open: Vec<Arc<AtomicUsize>>,
}

impl Apps {
    fn start(count: u8) -> Self {
        let addresses = || (2..).take(count.into()).map(|last: u8| Ipv4Addr::new(127, 0, 0, last));
        let listeners = wait_for("a port that all of them can have", || {
            let port = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
            addresses().map(|address| TcpListener::bind((address, port))).collect::<Result<Vec<_>, _>>().ok()
        });
        let port = listeners[0].local_addr().unwrap().port();
        let open = listeners.into_iter().zip(addresses()).map(|(listener, address)| serve(listener, address));
        Self { port, open: open.collect() }
    }

    /// Returns the number of connections that the application with that last part has open.
    fn open(&self, last: u8) -> usize {
        self.open[usize::from(last) - 2].load(Ordering::Relaxed)
    }
}

fn serve(listener: TcpListener, address: Ipv4Addr) -> Arc<AtomicUsize> {
    let open = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&open);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let open = Arc::clone(&counted);
            open.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || {
                let (mut head, mut byte) = (Vec::new(), [0; 1]);
                while let Ok(1) = stream.read(&mut byte) {
                    head.extend_from_slice(&byte);
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        let last = address.octets()[3];
                        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{last}");
                    }
                }
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    open
}

/// A network of applications on this machine, which no name leads to unless it is said.
const LOOPBACK: &str = "address_networks = [\"127.0.0.0/8\"]";

/// Returns the configuration of an edge of one lane whose application has a name.
fn configuration(name_servers: &[&NameServer], port: u16, lines: &str) -> String {
    let name_servers: Vec<_> = name_servers.iter().map(|server| server.address.to_string()).collect();
    format!(
        "uid_base = {{uid_base}}\nlanes = 1\nname_servers = {name_servers:?}\n[[listen]]\naddress = \"{{address}}\"\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n\
         [[backend]]\nname = \"app\"\nservers = [\"app.internal:{port}\"]\nremote = true\naddresses_max = 4\n{lines}\n"
    )
}

fn response(edge: &Edge) -> Response {
    let mut client = Client::connect(edge.address());
    client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    client.response()
}

/// Returns the last part of the address of the application that responded; the status where none
/// did.
fn served_by(edge: &Edge) -> Result<u8, u16> {
    let response = response(edge);
    if response.status == 200 { Ok(response.text().parse().unwrap()) } else { Err(response.status) }
}

/// Waits until every request goes to that application.
fn wait_for_app(edge: &Edge, last: u8) {
    wait_for("the application", || (served_by(edge) == Ok(last)).then_some(()));
    (0..8).for_each(|_| assert_eq!(served_by(edge), Ok(last)));
}
