//! The form of questions and answers: RFC 1035, with the sizes of RFC 6891.
//!
//! A library would bring forty crates, most of them for internationalized names, which the cluster has
//! none of.

use std::net::{Ipv4Addr, Ipv6Addr};

const HEADER: usize = 12;
/// What may be sent in a datagram to somebody who says nothing about it.
const DATAGRAM: usize = 512;
/// More is never sent in one, whatever the client takes.
const LARGEST_DATAGRAM: usize = 16 << 10;
/// A message over TCP may be as long as its length can say.
pub(crate) const STREAM: usize = 65_535;
const OPTION: u16 = 41;
const INTERNET: u16 = 1;
const POINTER: u8 = 0xc0;
const LABEL: usize = 63;
const NAME: usize = 255;

const ANSWER: u8 = 0x80;
const AUTHORITATIVE: u8 = 0x04;
const TRUNCATED: u8 = 0x02;
const RECURSION_WANTED: u8 = 0x01;
const RECURSION_OFFERED: u8 = 0x80;

/// The kinds of records that are asked for.
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const NS: u16 = 2;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const TXT: u16 = 16;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const SRV: u16 = 33;
    pub(crate) const ANY: u16 = 255;
}

/// How an answer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Fine = 0,
    Malformed = 1,
    Failed = 2,
    NoSuchName = 3,
    NotDone = 4,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) id: u16,
    /// In lower case, without the final dot.
    pub(crate) name: String,
    pub(crate) kind: u16,
    flags: u8,
    /// As it was asked: clients look whether it comes back with the same letters.
    asked: Vec<u8>,
    /// The largest datagram that the client takes.
    pub(crate) datagram: usize,
    extended: bool,
}

/// Why a question cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    /// Nothing can be answered.
    Nonsense,
    /// The header can be read: this is the answer.
    Answer(Vec<u8>),
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Alias(String),
    Pointer(String),
    Server(String),
    Text(String),
    Service {
        weight: u16,
        port: u16,
        host: String,
    },
    Authority {
        server: String,
        mailbox: String,
        serial: u32,
        minimum: u32,
    },
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) seconds: u32,
    pub(crate) data: Data,
}

/// An answer, before it has a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: Code,
    pub(crate) answers: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    pub(crate) additional: Vec<Record>,
}

impl Reply {
    pub(crate) fn of(code: Code) -> Self {
        Self {
            code,
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

/// Reads a question.
pub(crate) fn parse(bytes: &[u8]) -> Result<Question, Error> {
    let (Some(id), Some(&flags)) = (number(bytes, 0), bytes.get(2)) else {
        return Err(Error::Nonsense);
    };
    // An answer to a question that nobody asked gets no answer.
    if bytes.len() < HEADER || flags & ANSWER != 0 {
        return Err(Error::Nonsense);
    }
    let refuse = |code: Code| {
        let mut answer = vec![0; HEADER];
        answer[..2].copy_from_slice(&id.to_be_bytes());
        answer[2] = ANSWER | (flags & RECURSION_WANTED);
        answer[3] = code as u8;
        Error::Answer(answer)
    };
    if flags & 0x78 != 0 {
        return Err(refuse(Code::NotDone));
    }
    let question = (number(bytes, 4) == Some(1))
        .then(|| read_question(bytes, id, flags))
        .flatten();
    question.ok_or_else(|| refuse(Code::Malformed))
}

fn read_question(bytes: &[u8], id: u16, flags: u8) -> Option<Question> {
    let (name, end) = read_name(bytes, HEADER)?;
    let (kind, class) = (number(bytes, end)?, number(bytes, end + 2)?);
    if class != INTERNET && class != kind::ANY {
        return None;
    }
    let mut question = Question {
        id,
        name,
        kind,
        flags,
        asked: bytes[HEADER..end + 4].to_vec(),
        datagram: DATAGRAM,
        extended: false,
    };
    // The size that the client takes stands in a record behind the question.
    let rest = bytes.get(end + 4..)?;
    if number(bytes, 10)? > 0 && rest.first() == Some(&0) && number(rest, 1) == Some(OPTION) {
        question.datagram = usize::from(number(rest, 3)?).clamp(DATAGRAM, LARGEST_DATAGRAM);
        question.extended = true;
    }
    Some(question)
}

/// A name and where what follows it begins. Pointers lead backwards only, so this ends.
fn read_name(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut at, mut end, mut limit) = (start, None, start + 1);
    let mut name = String::new();
    loop {
        let length = *bytes.get(at)?;
        if length & POINTER == POINTER {
            let target = usize::from(number(bytes, at)? & 0x3fff);
            end.get_or_insert(at + 2);
            if target >= limit.min(at) {
                return None;
            }
            (at, limit) = (target, target);
            continue;
        }
        if length & POINTER != 0 {
            return None;
        }
        if length == 0 {
            return Some((name, end.unwrap_or(at + 1)));
        }
        let label = bytes.get(at + 1..at + 1 + usize::from(length))?;
        if !name.is_empty() {
            name.push('.');
        }
        // A dot within a label must not look like one between labels.
        let shown = label.iter().map(|byte| match byte {
            b'.' => '\u{fffd}',
            byte if byte.is_ascii() => byte.to_ascii_lowercase().into(),
            _ => '\u{fffd}',
        });
        name.extend(shown);
        if name.chars().count() > NAME {
            return None;
        }
        at += 1 + label.len();
    }
}

/// Writes an answer of at most `limit` bytes. What does not fit is left out, and the client told to ask
/// again over TCP if answers are among it.
pub(crate) fn write(question: &Question, reply: &Reply, limit: usize) -> Vec<u8> {
    let mut reply = reply.clone();
    let whole = Writer::write(question, &reply, false);
    if whole.len() <= limit {
        return whole;
    }
    reply.additional.clear();
    let mut message = Writer::write(question, &reply, false);
    while message.len() > limit && reply.answers.pop().is_some() {
        message = Writer::write(question, &reply, true);
    }
    message
}

struct Writer {
    bytes: Vec<u8>,
    /// Names that stand in the message, and where.
    names: Vec<(String, u16)>,
}

impl Writer {
    fn write(question: &Question, reply: &Reply, truncated: bool) -> Vec<u8> {
        let mut bytes = question.id.to_be_bytes().to_vec();
        let cut = if truncated { TRUNCATED } else { 0 };
        bytes.push(ANSWER | AUTHORITATIVE | cut | (question.flags & RECURSION_WANTED));
        bytes.push(RECURSION_OFFERED | reply.code as u8);
        let options = usize::from(question.extended);
        let counts = [
            1,
            reply.answers.len(),
            reply.authority.len(),
            reply.additional.len() + options,
        ];
        for count in counts {
            bytes.extend((count as u16).to_be_bytes());
        }
        bytes.extend(&question.asked);
        let mut writer = Self {
            bytes,
            names: vec![(question.name.clone(), HEADER as u16)],
        };
        for list in [&reply.answers, &reply.authority, &reply.additional] {
            for record in list {
                writer.record(record);
            }
        }
        if question.extended {
            let size = (question.datagram as u16).to_be_bytes();
            writer
                .bytes
                .extend([0, 0, OPTION as u8, size[0], size[1], 0, 0, 0, 0, 0, 0]);
        }
        writer.bytes
    }

    fn number(&mut self, value: u16) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn long(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn record(&mut self, record: &Record) {
        self.name(&record.name);
        self.number(record.data.kind());
        self.number(INTERNET);
        self.long(record.seconds);
        let at = self.bytes.len();
        self.number(0);
        self.data(&record.data);
        let length = (self.bytes.len() - at - 2) as u16;
        self.bytes[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }

    fn data(&mut self, data: &Data) {
        match data {
            Data::A(address) => self.bytes.extend(address.octets()),
            Data::Aaaa(address) => self.bytes.extend(address.octets()),
            Data::Alias(name) | Data::Pointer(name) | Data::Server(name) => self.name(name),
            Data::Text(text) => {
                let text = &text.as_bytes()[..text.len().min(255)];
                self.bytes.push(text.len() as u8);
                self.bytes.extend(text);
            }
            Data::Service { weight, port, host } => {
                for value in [0, *weight, *port] {
                    self.number(value);
                }
                // Not every client understands a pointer here.
                self.names.clear();
                self.name(host);
            }
            Data::Authority {
                server,
                mailbox,
                serial,
                minimum,
            } => {
                self.name(server);
                self.name(mailbox);
                for value in [*serial, 7_200, 1_800, 86_400, *minimum] {
                    self.long(value);
                }
            }
        }
    }

    fn name(&mut self, name: &str) {
        let mut rest = name.trim_end_matches('.');
        while !rest.is_empty() {
            if let Some((_, at)) = self.names.iter().find(|(known, _)| known == rest) {
                let pointer = at | (u16::from(POINTER) << 8);
                self.number(pointer);
                return;
            }
            if let Ok(at) = u16::try_from(self.bytes.len())
                && at < 0x4000
            {
                self.names.push((rest.to_owned(), at));
            }
            let (label, more) = rest.split_once('.').unwrap_or((rest, ""));
            let label = &label.as_bytes()[..label.len().min(LABEL)];
            self.bytes.push(label.len() as u8);
            self.bytes.extend(label);
            rest = more;
        }
        self.bytes.push(0);
    }
}

impl Data {
    pub(crate) fn kind(&self) -> u16 {
        match self {
            Self::A(_) => kind::A,
            Self::Aaaa(_) => kind::AAAA,
            Self::Alias(_) => kind::CNAME,
            Self::Pointer(_) => kind::PTR,
            Self::Server(_) => kind::NS,
            Self::Text(_) => kind::TXT,
            Self::Service { .. } => kind::SRV,
            Self::Authority { .. } => kind::SOA,
        }
    }
}

/// A question of our own: what an alias leads to.
pub(crate) fn ask(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut writer = Writer {
        bytes: id.to_be_bytes().to_vec(),
        names: Vec::new(),
    };
    writer.bytes.extend([RECURSION_WANTED, 0]);
    for count in [1, 0, 0, 0] {
        writer.number(count);
    }
    writer.name(name);
    writer.number(kind);
    writer.number(INTERNET);
    writer.bytes
}

/// The addresses and aliases of somebody's answer, with how it went.
pub(crate) fn read_answer(bytes: &[u8], id: u16) -> Option<(u8, Vec<Record>)> {
    if number(bytes, 0)? != id || bytes.get(2)? & ANSWER == 0 {
        return None;
    }
    let mut at = HEADER;
    for _ in 0..number(bytes, 4)? {
        at = read_name(bytes, at)?.1 + 4;
    }
    let mut records = Vec::new();
    for _ in 0..number(bytes, 6)? {
        let (name, end) = read_name(bytes, at)?;
        let kind = number(bytes, end)?;
        let seconds = u32::from(number(bytes, end + 4)?) << 16 | u32::from(number(bytes, end + 6)?);
        let length = usize::from(number(bytes, end + 8)?);
        let data = bytes.get(end + 10..end + 10 + length)?;
        at = end + 10 + length;
        let data = match (kind, data) {
            (kind::A, [a, b, c, d]) => Data::A(Ipv4Addr::new(*a, *b, *c, *d)),
            (kind::AAAA, data) => Data::Aaaa(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?)),
            (kind::CNAME, _) => Data::Alias(read_name(bytes, end + 10)?.0),
            _ => continue,
        };
        records.push(Record {
            name,
            seconds,
            data,
        });
    }
    Some((bytes.get(3)? & 0x0f, records))
}
