//! A name server whose responses the test decides.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use fosse_harness::wait_for;

/// Bytes of a header.
const HEADER_BYTES: usize = 12;

/// A question as it came.
pub(crate) struct Question {
    pub(crate) bytes: Vec<u8>,
    pub(crate) by_tcp: bool,
}

/// What a name server does with a question: the messages that it sends, in that order.
type Behaviour = Box<dyn Fn(&Question) -> Vec<Vec<u8>> + Send>;

/// The name server, over UDP and TCP.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    questions: Arc<AtomicUsize>,
}

impl NameServer {
    /// Starts one on a port of the loopback network.
    pub(crate) fn start(behaviour: impl Fn(&Question) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let (udp, tcp) = wait_for("a port of both kinds", || {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            let tcp = TcpListener::bind(udp.local_addr().unwrap()).ok()?;
            Some((udp, tcp))
        });
        let address = udp.local_addr().unwrap();
        let behaviour: Arc<Mutex<Behaviour>> = Arc::new(Mutex::new(Box::new(behaviour)));
        let questions = Arc::new(AtomicUsize::new(0));
        let (by_udp, counted) = (Arc::clone(&behaviour), Arc::clone(&questions));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok((count, from)) = udp.recv_from(&mut bytes) {
                counted.fetch_add(1, Ordering::Relaxed);
                let question = Question { bytes: bytes[..count].to_vec(), by_tcp: false };
                for message in (by_udp.lock().unwrap())(&question) {
                    let _ = udp.send_to(&message, from);
                }
            }
        });
        let by_tcp = Arc::clone(&behaviour);
        std::thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                answer_stream(stream, &by_tcp);
            }
        });
        Self { address, behaviour, questions }
    }

    /// Starts one that gives the name these addresses for a second.
    pub(crate) fn of(addresses: &[&str]) -> Self {
        let server = Self::start(|_| Vec::new());
        server.has(addresses);
        server
    }

    /// Does something else from now on.
    pub(crate) fn does(&self, behaviour: impl Fn(&Question) -> Vec<Vec<u8>> + Send + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// Gives the name these addresses from now on.
    pub(crate) fn has(&self, addresses: &[&str]) {
        let addresses: Vec<_> = addresses.iter().map(|address| (*address).to_owned()).collect();
        self.does(move |question| vec![question.answer(&addresses)]);
    }

    /// Waits until it has been asked once more.
    pub(crate) fn wait_for_question(&self) {
        let before = self.questions.load(Ordering::Relaxed);
        wait_for("a question", || (self.questions.load(Ordering::Relaxed) > before).then_some(()));
    }
}

fn answer_stream(mut stream: TcpStream, behaviour: &Mutex<Behaviour>) {
    let mut length = [0; 2];
    if stream.read_exact(&mut length).is_err() {
        return;
    }
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    if stream.read_exact(&mut bytes).is_err() {
        return;
    }
    for message in (behaviour.lock().unwrap())(&Question { bytes, by_tcp: true }) {
        let length = u16::try_from(message.len()).unwrap();
        let _ = stream.write_all(&[length.to_be_bytes().as_slice(), &message].concat());
    }
}

impl Question {
    /// Returns the name, type and class, as the question has them.
    fn section(&self) -> &[u8] {
        let name = self.bytes[HEADER_BYTES..].iter().position(|byte| *byte == 0).unwrap();
        &self.bytes[HEADER_BYTES..HEADER_BYTES + name + 5]
    }

    fn is_for_ipv4(&self) -> bool {
        self.section()[self.section().len() - 3] == 1
    }

    /// Returns a message with the number and the question, these flags and these records.
    pub(crate) fn message(&self, flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(records.len()).unwrap();
        let numbers = [flags, 1, count, 0, 0].map(u16::to_be_bytes).concat();
        [&self.bytes[..2], &numbers, self.section(), &records.concat()].concat()
    }

    /// Returns the answer with these addresses, as far as they are of the kind that is asked for.
    pub(crate) fn answer(&self, addresses: &[impl AsRef<str>]) -> Vec<u8> {
        let of_kind = |address: &std::net::IpAddr| address.is_ipv4() == self.is_for_ipv4();
        let addresses = addresses.iter().map(|text| text.as_ref().parse().unwrap()).filter(of_kind);
        let records: Vec<_> = addresses.map(|address| record(&[0xc0, 12], address)).collect();
        self.message(0x8180, &records)
    }

    /// Returns that there is no such name.
    pub(crate) fn no_such_name(&self) -> Vec<u8> {
        self.message(0x8183, &[])
    }

    /// Returns that the response is too long for a datagram.
    pub(crate) fn truncated(&self) -> Vec<u8> {
        self.message(0x8380, &[])
    }
}

/// Returns the record of an address, for a second.
pub(crate) fn record(owner: &[u8], address: std::net::IpAddr) -> Vec<u8> {
    let (kind, data) = match address {
        std::net::IpAddr::V4(v4) => (1_u16, v4.octets().to_vec()),
        std::net::IpAddr::V6(v6) => (28, v6.octets().to_vec()),
    };
    let length = u16::try_from(data.len()).unwrap();
    [owner, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 1], &length.to_be_bytes(), &data].concat()
}
