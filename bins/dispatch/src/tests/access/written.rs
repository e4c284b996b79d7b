//! Header fields that checks write, and that no client does.

use super::*;

#[test]
fn no_client_sets_a_header_that_the_check_writes_however_it_spells_it() {
    for name in ["X-User", "x-USER", "X_User", "x.user", "X-GROUPS", "X!Groups"] {
        for said in [PASS, &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..]] {
            let mut settings = settings(backend());
            settings.policies[0].underscores = Underscores::Pass;
            let mut fixture = Fixture::of(settings);
            fixture.send_with(id(0), &get(), Some((name.as_bytes(), b"root")));
            fixture.turn();
            let (auth, question) = fixture.asked_by(AUTH);
            assert!(!question.contains("root"), "{name}: {question}");
            fixture.says(&auth, said);
            let (_app, request) = fixture.asked_by(APP);
            assert!(!request.contains("root"), "{name}: {request}");
        }
    }
}

#[test]
fn a_header_that_the_check_sets_still_tells_it_who_asks() {
    let mut settings = settings(backend());
    settings.policies[0].access.as_mut().unwrap().forward_auth.as_mut().unwrap().copy_headers =
        vec!["Authorization".into()];
    let mut fixture = Fixture::of(settings);
    fixture.send_with(id(0), &get(), Some((b"Authorization", b"Bearer of-the-client")));
    fixture.turn();
    let (auth, question) = fixture.asked_by(AUTH);
    assert!(question.contains("\r\nAuthorization: Bearer of-the-client\r\n"), "{question}");
    fixture.says(&auth, b"HTTP/1.1 200 OK\r\nAuthorization: Bearer of-the-check\r\nContent-Length: 0\r\n\r\n");
    let (_app, request) = fixture.asked_by(APP);
    assert!(request.contains("\r\nAuthorization: Bearer of-the-check\r\n"), "{request}");
    assert!(!request.contains("of-the-client"), "{request}");
}

#[test]
fn a_login_of_a_connection_ends_with_the_question() {
    let mut fixture = guarded();
    fixture.send_with(id(0), &get(), Some((b"Authorization", b"NTLM TlRMTVNTUAAB")));
    fixture.turn();
    let (auth, _) = fixture.asked_by(AUTH);
    fixture.says(
        &auth,
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM TlRM\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
    );
    let fields = fixture.response_fields(id(0));
    let challenges: Vec<_> = fields.iter().filter(|(name, _)| name == "www-authenticate").collect();
    assert_eq!(challenges, [&("www-authenticate".to_owned(), "Basic realm=\"x\"".to_owned())]);
    assert_eq!(recv(&auth, &mut [0; 1][..], RecvFlags::DONTWAIT).unwrap().0, 0, "the connection is closed");
}

#[test]
fn an_application_of_fastcgi_gets_the_fields_as_parameters() {
    let fastcgi = FastCgi { root: "/srv".into(), front_controller: Some("/i.php".into()), ..FastCgi::default() };
    for body in [BodyLength::None, BodyLength::Chunked] {
        let mut fixture = Fixture::of(settings(Backend { fastcgi: Some(fastcgi.clone()), ..backend() }));
        fixture.send(id(0), &RequestHead { body, ..post() });
        if body == BodyLength::Chunked {
            fixture.to.outbox.data(id(0), Kind::RequestData, b"hello");
            fixture.end(id(0));
        }
        fixture.turn();
        let (auth, _) = fixture.asked_by(AUTH);
        fixture.says(&auth, PASS);
        let app = fixture.connected_to(APP);
        let (params, stdin) = records(&heard(&app));
        for (name, value) in [("HTTP_X_USER", "ann"), ("HTTP_X_GROUPS", "a, b"), ("REQUEST_METHOD", "POST")] {
            assert!(params.contains(&(name.into(), value.into())), "{name}: {params:?}");
        }
        let length = ("CONTENT_LENGTH".to_owned(), "5".to_owned());
        assert_eq!(params.contains(&length), body == BodyLength::Chunked, "{params:?}");
        assert_eq!(stdin, if body == BodyLength::Chunked { &b"hello"[..] } else { b"" });
    }
}

/// Returns the parameters and the body that records hold (FastCGI 1.0, sections 3.3 and 3.4); all
/// names and values are short.
fn records(mut bytes: &[u8]) -> (Vec<(String, String)>, Vec<u8>) {
    let (mut params, mut stdin) = (Vec::new(), Vec::new());
    while let [_, kind, _, _, high, low, padding, _, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (content, rest) = rest.split_at(length);
        bytes = &rest[usize::from(*padding)..];
        match kind {
            4 => params.extend_from_slice(content),
            5 => stdin.extend_from_slice(content),
            _ => {}
        }
    }
    let (mut pairs, mut rest) = (Vec::new(), &params[..]);
    while let [name, value, more @ ..] = rest {
        let (name, more) = more.split_at(usize::from(*name));
        let (value, more) = more.split_at(usize::from(*value));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        pairs.push((text(name), text(value)));
        rest = more;
    }
    (pairs, stdin)
}
