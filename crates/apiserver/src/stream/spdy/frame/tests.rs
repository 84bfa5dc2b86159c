use super::super::header::tests::{BLOCKS, unhex};
use super::*;

fn syn(id: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend([0; 6]);
    body.extend(block);
    control(1, flags, &body).to_vec()
}

fn read(bytes: &[u8], step: usize) -> Vec<Result<Frame, Error>> {
    let mut decoder = Decoder::default();
    let mut found = Vec::new();
    for chunk in bytes.chunks(step) {
        decoder.push(chunk);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => found.push(Ok(frame)),
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

fn conversation() -> Vec<u8> {
    [
        syn(1, 0, &unhex(BLOCKS[0])),
        control(4, 0, &[0; 4]).to_vec(),
        syn(3, FIN, &unhex(BLOCKS[1])),
        [&data(3, 5, true)[..], b"hello"].concat(),
        ping(7).to_vec(),
        data(1, 0, true).to_vec(),
        reset(3, 5).to_vec(),
        go_away(3).to_vec(),
    ]
    .concat()
}

#[test]
fn frames_are_read_however_they_are_cut() {
    for step in [1, 3, 11, 4096] {
        let mut bytes = Vec::new();
        let mut others = Vec::new();
        for frame in read(&conversation(), step) {
            match frame.unwrap() {
                Frame::Data {
                    id: 3,
                    bytes: piece,
                    ..
                } => bytes.extend(piece),
                frame => others.push(frame),
            }
        }
        assert_eq!(bytes, b"hello");
        let kinds: Vec<String> = others
            .iter()
            .map(|frame| match frame {
                Frame::SynStream { id, headers, last } => {
                    format!("{id} {} {last}", headers["streamtype"])
                }
                other => format!("{other:?}"),
            })
            .collect();
        expect_test::expect![[r#"
            1 error false
            3 data true
            Ping(7)
            Data { id: 1, bytes: b"", last: true }
            Reset { id: 3 }
            GoAway"#]]
        .assert_eq(&kinds.join("\n"));
    }
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let last = |bytes: &[u8]| read(bytes, 1).pop().unwrap().unwrap_err();
    assert_eq!(last(&[0x80, 2, 0, 6, 0, 0, 0, 4]), Error::Version(2));
    assert_eq!(last(&[0x80, 3, 0, 1, 0, 255, 255, 255]), Error::Length(1));
    assert_eq!(last(&control(3, 0, &[0, 0])), Error::Length(3));
    assert_eq!(last(&data(0, 1, false)), Error::StreamZero);
    assert_eq!(last(&syn(1, 0, b"\x78\x01garbage")), Error::Headers);
    assert_eq!(last(&syn(1, 0, b"")), Error::Headers);
    // Another dictionary than that of the protocol.
    assert_eq!(
        last(&syn(1, 0, &[0x78, 0xbb, 1, 2, 3, 4, 0])),
        Error::Headers
    );
}

/// A few bytes that decompress to more than is taken.
#[test]
fn a_header_block_that_explodes_is_refused() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![b'a'; 10 << 20]).unwrap();
    let block = encoder.finish().unwrap();
    assert!(block.len() < LARGEST_CONTROL);
    let found = read(&syn(1, 0, &block), 4096);
    assert_eq!(found, [Err(Error::Headers)]);
}

#[test]
fn any_bytes_are_survived() {
    let random = seatrial_clock::Random::seeded(31);
    let good = conversation();
    for _ in 0..10_000 {
        let mut bytes = good.clone();
        // A few bytes are changed, the end is cut off.
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.below(256) as u8;
        }
        bytes.truncate(random.below(bytes.len() as u64) as usize);
        read(&bytes, 1 + random.below(64) as usize);
    }
}
