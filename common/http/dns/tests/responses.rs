//! What name servers, and those who pretend to be one, may say.

use fosse_dns::{Addresses, Fault, Kind, Name, Query, Response, judge};

/// Records of a message, each whole.
struct Message {
    id: u16,
    flags: u16,
    question: Vec<u8>,
    first: Vec<Vec<u8>>,
    authorities: Vec<Vec<u8>>,
}

const RESPONSE: u16 = 0x8180;
const WWW: &str = "www.example";

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut out: Vec<u8> = labels.flat_map(|l| [&[u8::try_from(l.len()).unwrap()], l.as_bytes()].concat()).collect();
    out.push(0);
    out
}

fn record(owner: &[u8], kind: u16, ttl_seconds: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let parts: [&[u8]; 6] =
        [owner, &kind.to_be_bytes(), &1_u16.to_be_bytes(), &ttl_seconds.to_be_bytes(), &length.to_be_bytes(), data];
    parts.concat()
}

fn a(owner: &str, ttl_seconds: u32, last: u8) -> Vec<u8> {
    record(&wire(owner), 1, ttl_seconds, &[10, 0, 0, last])
}

fn alias(owner: &str, to: &str) -> Vec<u8> {
    record(&wire(owner), 5, 300, &wire(to))
}

fn query() -> Query {
    Query::new(
        &Name::parse(WWW).unwrap(),
        Kind::A,
        *b"\x12\x34\xa5\x5a\xa5\x5a\xa5\x5a\xa5\x5a\xa5\x5a\xa5\x5a\xa5\x5a",
        true,
    )
}

/// Returns the question of a query as its bytes have it.
fn question(query: &Query) -> Vec<u8> {
    let bytes = query.encode();
    bytes[12..12 + wire(WWW).len() + 4].to_vec()
}

impl Message {
    fn of(first: Vec<Vec<u8>>) -> Self {
        Self { id: 0x1234, flags: RESPONSE, question: question(&query()), first, authorities: Vec::new() }
    }

    fn bytes(&self) -> Vec<u8> {
        let count = |records: &Vec<Vec<u8>>| u16::try_from(records.len()).unwrap();
        let header = [self.id, self.flags, 1, count(&self.first), count(&self.authorities), 0];
        let header: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
        [header, self.question.clone(), self.first.concat(), self.authorities.concat()].concat()
    }

    fn judged(&self) -> Result<Response, Fault> {
        judge(&query(), &self.bytes())
    }
}

const fn mapped(last: u8) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last]
}

fn addresses(last: &[u8], ttl_seconds: u32) -> Result<Response, Fault> {
    Ok(Response::Addresses(Addresses { addresses: last.iter().copied().map(mapped).collect(), ttl_seconds }))
}

#[test]
fn an_answer_is_what_the_chain_from_the_question_leads_to() {
    assert_eq!(Message::of(vec![a(WWW, 60, 1), a(WWW, 30, 2), a(WWW, 90, 1)]).judged(), addresses(&[1, 2], 30));
    // The order of records means nothing, and case neither.
    let chain = vec![a("b.Example", 600, 7), alias("A.example", "b.example"), alias("www.EXAMPLE", "a.example")];
    assert_eq!(Message::of(chain).judged(), addresses(&[7], 300));
}

#[test]
fn what_other_names_have_is_not_taken_whoever_says_so() {
    let poison = vec![a("bank.example", 60, 66), a(WWW, 60, 1), a("x.www.example", 60, 67), alias("bank.example", WWW)];
    assert_eq!(Message::of(poison).judged(), addresses(&[1], 60));
    assert_eq!(Message::of(vec![a("bank.example", 60, 66)]).judged(), Ok(Response::Nothing { ttl_seconds: None }));
    let elsewhere = Message { authorities: vec![a(WWW, 60, 66)], ..Message::of(Vec::new()) };
    assert_eq!(
        elsewhere.judged(),
        Ok(Response::Nothing { ttl_seconds: None }),
        "no response stands in the authority section"
    );
    let other_kind = record(&wire(WWW), 28, 60, &[9; 16]);
    assert_eq!(Message::of(vec![other_kind]).judged(), Ok(Response::Nothing { ttl_seconds: None }));
    let mut other_class = a(WWW, 60, 66);
    other_class[wire(WWW).len() + 3] = 3;
    assert_eq!(Message::of(vec![other_class]).judged(), Ok(Response::Nothing { ttl_seconds: None }));
}

#[test]
fn a_message_with_another_number_or_question_is_no_response() {
    let good = Message::of(vec![a(WWW, 60, 1)]);
    assert!(good.judged().is_ok());
    for other in [
        Message { id: 0x1235, ..Message::of(Vec::new()) },
        Message { flags: 0x0100, ..Message::of(Vec::new()) },
        Message { flags: 0x8180 | 0x2800, ..Message::of(Vec::new()) },
    ] {
        assert_eq!(other.judged(), Err(Fault::NotOurs));
    }
    let mut questions = vec![[wire("bank.example"), vec![0, 1, 0, 1]].concat()];
    for at in 0..good.question.len() {
        let mut changed = good.question.clone();
        changed[at] ^= 0x20;
        questions.push(changed);
    }
    // Guessed in lower case: the letters of the question were random.
    questions.push(good.question.to_ascii_lowercase());
    for question in questions {
        let other = Message { question, ..Message::of(vec![a(WWW, 60, 66)]) };
        assert!(matches!(other.judged(), Err(Fault::OtherQuestion | Fault::Malformed)), "{:?}", other.question);
    }
}

#[test]
fn a_name_that_points_at_itself_forward_or_round_in_a_circle_is_malformed() {
    let after_question = u16::try_from(Message::of(Vec::new()).bytes().len()).unwrap();
    let pointer = |to: u16| (0xc000 | to).to_be_bytes().to_vec();
    for to in [after_question, after_question + 1, after_question + 20, 0x3fff, 0, 11] {
        assert_eq!(
            Message::of(vec![record(&pointer(to), 1, 60, &[10, 0, 0, 1])]).judged(),
            Err(Fault::Malformed),
            "{to}"
        );
    }
    // Two that point at each other: one of them has to point forward.
    let two = record(&wire(WWW), 5, 60, &[pointer(after_question + 25), pointer(after_question + 23)].concat());
    assert_eq!(Message::of(vec![two]).judged(), Err(Fault::Malformed));
    // To the question, as every server writes it.
    assert_eq!(Message::of(vec![record(&pointer(12), 1, 60, &[10, 0, 0, 1])]).judged(), addresses(&[1], 60));
}

#[test]
fn a_name_does_not_grow_beyond_its_limit_by_pointers() {
    // Each record's name is a label of 63 bytes before the name of the one before.
    let mut message = Message::of(Vec::new());
    let label = |c: u8| [&[63], vec![c; 63].as_slice()].concat();
    let mut to = 12;
    for c in b"abcdef" {
        let at = u16::try_from(message.bytes().len()).unwrap();
        message.first.push(record(&[label(*c), (0xc000_u16 | to).to_be_bytes().to_vec()].concat(), 16, 60, b"x"));
        to = at;
    }
    assert_eq!(message.judged(), Err(Fault::Malformed));
    message.first.truncate(3);
    assert_eq!(message.judged(), Ok(Response::Nothing { ttl_seconds: None }));
}

#[test]
fn a_chain_of_aliases_has_an_end() {
    let circle = vec![alias(WWW, "a.example"), alias("a.example", WWW), a("b.example", 60, 1)];
    assert_eq!(Message::of(circle).judged(), Err(Fault::EndlessChain));
    let long = |links: usize| {
        let name = |n: usize| if n == 0 { WWW.to_owned() } else { format!("n{n}.example") };
        let mut all: Vec<_> = (0..links).map(|n| alias(&name(n), &name(n + 1))).collect();
        all.push(a(&name(links), 600, 1));
        Message::of(all).judged()
    };
    assert_eq!((long(12), long(13)), (addresses(&[1], 300), Err(Fault::EndlessChain)));
}

#[test]
fn nothing_is_said_by_a_name_error_or_an_empty_answer_for_the_time_of_the_zone() {
    let soa = |ttl_seconds, minimum: u32| {
        let data = [wire("ns.example"), wire("admin.example"), vec![0; 16], minimum.to_be_bytes().to_vec()].concat();
        record(&wire("example"), 6, ttl_seconds, &data)
    };
    for flags in [RESPONSE, RESPONSE | 3] {
        let message = Message { flags, authorities: vec![soa(900, 30)], ..Message::of(Vec::new()) };
        assert_eq!(message.judged(), Ok(Response::Nothing { ttl_seconds: Some(30) }));
    }
    assert_eq!(Message { flags: RESPONSE | 2, ..Message::of(vec![a(WWW, 60, 1)]) }.judged(), Ok(Response::Failed(2)));
}

#[test]
fn a_truncated_message_is_asked_for_again_and_none_of_it_counts() {
    assert_eq!(
        Message { flags: RESPONSE | 0x0200, ..Message::of(vec![a(WWW, 60, 66)]) }.judged(),
        Ok(Response::Truncated)
    );
}

#[test]
fn a_time_to_live_with_its_first_bit_set_is_none() {
    assert_eq!(Message::of(vec![a(WWW, 0x8000_0001, 1)]).judged(), addresses(&[1], 0));
}

#[test]
fn a_message_that_is_cut_or_lies_about_its_lengths_is_malformed() {
    let whole = Message::of(vec![alias(WWW, "a.example"), a("a.example", 60, 1)]).bytes();
    for cut in 0..whole.len() {
        assert!(judge(&query(), &whole[..cut]).is_err(), "{cut}");
    }
    for data in [&[10, 0, 0][..], &[10, 0, 0, 1, 1], &[]] {
        assert_eq!(Message::of(vec![record(&wire(WWW), 1, 60, data)]).judged(), Err(Fault::Malformed));
    }
    // A name that is longer than its record says.
    let mut long = alias(WWW, "a.example");
    let at = wire(WWW).len() + 9;
    long[at] -= 1;
    assert!(Message::of(vec![long, a(WWW, 60, 1)]).judged().is_err());
    // Of labels only those of RFC 1035.
    for kind in [0x40, 0x80] {
        assert_eq!(
            Message::of(vec![record(&[kind | 1, b'a', 0], 1, 60, &[10, 0, 0, 1])]).judged(),
            Err(Fault::Malformed)
        );
    }
}

#[test]
fn any_flipped_bit_of_a_response_is_judged_without_harm() {
    let whole = Message::of(vec![alias(WWW, "a.example"), a("a.example", 60, 1)]).bytes();
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(Response::Addresses(answer)) = judge(&query(), &changed) {
            assert_eq!(answer.addresses.len(), 1);
        }
    }
}

#[test]
fn of_very_many_addresses_64_are_taken_and_of_very_many_records_none() {
    let all: Vec<_> = (0..200).map(|n| a(WWW, 60, n)).collect();
    assert_eq!(Message::of(all).judged(), addresses(&(0..64).collect::<Vec<_>>(), 60));
    let more: Vec<_> = (0..513_u16).map(|n| a(WWW, 60, n.to_be_bytes()[1])).collect();
    assert_eq!(Message::of(more).judged(), Err(Fault::Malformed));
}
