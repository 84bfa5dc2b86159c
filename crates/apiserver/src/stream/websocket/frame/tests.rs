use super::*;

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 0x7e);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

fn events(bytes: &[u8], step: usize) -> Vec<Result<Event, Error>> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for chunk in bytes.chunks(step) {
        decoder.push(chunk);
        loop {
            match decoder.next() {
                Ok(Some(event)) => found.push(Ok(event)),
                Ok(None) => break,
                Err(error) => {
                    found.push(Err(error));
                    return found;
                }
            }
        }
    }
    found
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    let long = vec![7; 300];
    let bytes = [
        masked(0x82, b"\x00typed"),
        masked(0x02, b"in "),
        masked(0x89, b"?"),
        masked(0x00, b"three "),
        masked(0x80, b"parts"),
        masked(0x82, &long),
        masked(0x88, &[3, 232]),
    ]
    .concat();
    for step in [1, 2, 7, 1000] {
        let found: Result<Vec<_>, _> = events(&bytes, step).into_iter().collect();
        let expected = vec![
            Event::Message(Bytes::from_static(b"\x00typed")),
            Event::Ping(Bytes::from_static(b"?")),
            Event::Message(Bytes::from_static(b"in three parts")),
            Event::Message(long.clone().into()),
            Event::Close(Some(1000)),
        ];
        assert_eq!(found.unwrap(), expected);
    }
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let last = |bytes: &[u8]| events(bytes, 1).pop().unwrap().unwrap_err();
    assert_eq!(last(&[0xc2, 0x80]), Error::Reserved);
    assert_eq!(last(&[0x83, 0x80]), Error::Opcode(3));
    assert_eq!(last(&[0x82, 0x01, 0x00]), Error::Unmasked);
    assert_eq!(last(&[0x09, 0x80]), Error::Control);
    assert_eq!(last(&[0x89, 0xfe, 0, 126]), Error::Control);
    assert_eq!(last(&masked(0x80, b"none begun")), Error::Order);
    let twice = [masked(0x02, b"one"), masked(0x82, b"two")].concat();
    assert_eq!(last(&twice), Error::Order);
    // Refused by its header: nobody has to hold it first.
    let huge = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(last(&huge), Error::TooLarge);
}

#[test]
fn an_error_stays() {
    let mut decoder = Decoder::default();
    decoder.push(&[0xff, 0xff]);
    assert_eq!(decoder.next(), Err(Error::Reserved));
    decoder.push(&masked(0x82, b"good"));
    assert_eq!(decoder.next(), Err(Error::Reserved));
}

#[test]
fn any_bytes_are_survived() {
    let random = seatrial_clock::Random::seeded(6455);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..40).map(|_| random.below(256) as u8).collect();
        // Half of them begin like a frame, to come further.
        if bytes[39].is_multiple_of(2) {
            bytes[0] = 0x82;
            bytes[1] |= 0x80;
        }
        events(&bytes, 1 + usize::from(bytes[38] % 9));
    }
}
