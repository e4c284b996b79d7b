//! Facts about the kernel on which policies rest.

use std::io::Read;
use std::net::{TcpListener, TcpStream};

use rustix::io::Errno;
use rustix::net::{SendFlags, sendto, sockopt};

#[test]
fn a_connection_that_was_reset_cannot_be_opened_again_by_sending() {
    let (here, elsewhere) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let client = TcpStream::connect(here.local_addr().unwrap()).unwrap();
    let (mut held, _) = here.accept().unwrap();
    sockopt::set_socket_linger(&client, Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    assert!(held.read(&mut [0; 1]).is_err());
    let fast_open = SendFlags::from_bits_retain(0x2000_0000) | SendFlags::NOSIGNAL;
    let address = elsewhere.local_addr().unwrap();
    for _ in 0..3 {
        let result = sendto(&held, b"x", fast_open, &address);
        assert!(matches!(result, Err(Errno::ISCONN | Errno::PIPE)), "{result:?}");
    }
}
