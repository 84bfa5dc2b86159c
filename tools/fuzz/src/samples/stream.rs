pub(crate) const PACKET: &[&str] = &[
    "0000",
    "0001",
    "0004",
    "0005",
    "ffff",
    "00",
    "ok refs/heads/main",
    "\x01",
    "\x02",
    "refs/heads/a",
];

/// Masked frames as clients send them.
pub(crate) fn websocket() -> Vec<Vec<u8>> {
    let frame = |first: u8, payload: &[u8]| {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..=125 => bytes.push(0x80 | short as u8),
            long => {
                bytes.push(0x80 | 0x7e);
                bytes.extend((long as u16).to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(
            payload
                .iter()
                .zip([1, 2, 3, 4].iter().cycle())
                .map(|(a, b)| a ^ b),
        );
        bytes
    };
    vec![
        frame(0x82, b"\x00echo hello\n"),
        [
            frame(0x02, b"part"),
            frame(0x89, b"ping"),
            frame(0x80, b"rest"),
        ]
        .concat(),
        frame(0x88, &1000_u16.to_be_bytes()),
        frame(0x8a, b""),
        frame(0x82, &[7; 300]),
        [
            vec![0x82, 0xff],
            u64::MAX.to_be_bytes().to_vec(),
            vec![0; 4],
        ]
        .concat(),
    ]
}

/// Frames of clients of Kubernetes, with the header blocks that Go's `compress/zlib` makes.
pub(crate) fn spdy() -> Vec<Vec<u8>> {
    let control = |kind: u16, flags: u8, body: &[u8]| {
        let mut bytes = vec![0x80, 3];
        bytes.extend(kind.to_be_bytes());
        bytes.extend((u32::from(flags) << 24 | body.len() as u32).to_be_bytes());
        bytes.extend(body);
        bytes
    };
    let syn =
        |id: u32, block: &[u8]| control(1, 0, &[&id.to_be_bytes()[..], &[0; 6], block].concat());
    // One header, `streamtype: stdin`, in a stored block.
    let mut plain = 1_u32.to_be_bytes().to_vec();
    for text in ["streamtype", "stdin"] {
        plain.extend((text.len() as u32).to_be_bytes());
        plain.extend(text.as_bytes());
    }
    let mut block = vec![0x78, 0x9c, 0];
    block.extend((plain.len() as u16).to_le_bytes());
    block.extend((!(plain.len() as u16)).to_le_bytes());
    block.extend(&plain);
    let data = [&3_u32.to_be_bytes()[..], &[1, 0, 0, 5], b"hello"].concat();
    vec![
        syn(1, &block),
        [syn(1, &block), data.clone()].concat(),
        data,
        control(3, 0, &[0, 0, 0, 1, 0, 0, 0, 5]),
        control(6, 0, &7_u32.to_be_bytes()),
        control(7, 0, &[0; 8]),
        control(4, 0, &[0; 12]),
        control(8, 1, &[&1_u32.to_be_bytes()[..], &block].concat()),
        // A block that grows a thousandfold.
        syn(
            1,
            &[
                0x78, 0x9c, 0xed, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8,
            ],
        ),
    ]
}

pub(crate) fn packet() -> Vec<Vec<u8>> {
    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let (zero, one) = ("0".repeat(40), "1".repeat(40));
    let push = line(&format!("{zero} {one} refs/heads/main\0report-status"));
    let delete = line(&format!("{one} {zero} refs/tags/v1\n"));
    let report = [
        line("unpack ok\n"),
        line("ok refs/heads/main\n"),
        "0000".into(),
    ]
    .concat();
    let banded = line(&format!("\x01{report}"));
    super::texts(&[
        &format!("{push}{delete}0000PACK"),
        &report,
        &format!("{banded}0000"),
        &format!("{}0000", line("\x02Counting objects")),
    ])
}
