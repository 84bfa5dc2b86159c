//! Header blocks: pairs of texts, compressed together over all frames of a connection.

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, BytesMut};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::frame::Error;

/// The largest block, decompressed, in bytes. Those of clients have a few dozen.
const LARGEST: usize = 64 << 10;

/// The window of the compression, in bytes; a power of two.
const WINDOW: usize = 32 << 10;

/// The names with which the dictionary of the protocol begins, each behind its length.
const NAMES: &str = "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,\
    accept-language,accept-ranges,age,allow,authorization,cache-control,connection,content-base,\
    content-encoding,content-language,content-length,content-location,content-md5,content-range,\
    content-type,date,etag,expect,expires,from,host,if-match,if-modified-since,if-none-match,\
    if-range,if-unmodified-since,last-modified,location,max-forwards,pragma,proxy-authenticate,\
    proxy-authorization,range,referer,retry-after,server,te,trailer,transfer-encoding,upgrade,\
    user-agent,vary,via,warning,www-authenticate,method,get,status,200 OK,version,HTTP/1.1,url,\
    public,set-cookie,keep-alive,origin";

/// The texts with which it ends.
const TEXTS: &str = "1001012012022052063003023033043053063074024054064074084094104114124134144154\
    16417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad \
    Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not \
    Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 \
    Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,\
    application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,\
    deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

/// The checksum by which a compressed stream names the dictionary.
const DICTIONARY: u32 = 0xe3c6_a7c2;

/// What both ends know before the first header.
fn dictionary() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1423);
    for name in NAMES.split(',') {
        bytes.put_u32(name.len() as u32);
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes.extend_from_slice(TEXTS.as_bytes());
    bytes
}

/// Reads the header blocks of a connection, in order.
pub(super) struct Inflater {
    state: Box<DecompressorOxide>,
    /// What was decompressed last, over and over from its beginning.
    window: Box<[u8]>,
    position: usize,
    begun: bool,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Inflater")
    }
}

impl Inflater {
    pub(super) fn new() -> Self {
        let dictionary = dictionary();
        let mut window = vec![0; WINDOW].into_boxed_slice();
        // What lies before the first byte is what the first references may refer to.
        window[..dictionary.len()].copy_from_slice(&dictionary);
        Self {
            state: Box::default(),
            window,
            position: dictionary.len(),
            begun: false,
        }
    }

    /// The headers of one block; names are in lower case.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<BTreeMap<String, String>, Error> {
        let block = if self.begun { block } else { begin(block)? };
        self.begun = true;
        parse(&self.decompress(block)?)
    }

    fn decompress(&mut self, mut block: &[u8]) -> Result<Vec<u8>, Error> {
        let mut plain = Vec::new();
        loop {
            let (status, read, written) = decompress(
                &mut self.state,
                block,
                &mut self.window,
                self.position,
                TINFL_FLAG_HAS_MORE_INPUT,
            );
            let end = self.position + written;
            plain.extend_from_slice(&self.window[self.position..end]);
            self.position = end % WINDOW;
            block = &block[read..];
            if plain.len() > LARGEST {
                return Err(Error::Headers);
            }
            match status {
                TINFLStatus::NeedsMoreInput if block.is_empty() => return Ok(plain),
                TINFLStatus::HasMoreOutput => {}
                _ => return Err(Error::Headers),
            }
        }
    }
}

/// Checks the beginning of a compressed stream, and returns what follows it.
fn begin(block: &[u8]) -> Result<&[u8], Error> {
    let [method, flags, rest @ ..] = block else {
        return Err(Error::Headers);
    };
    let sum = u32::from(*method) * 256 + u32::from(*flags);
    if method & 0x0f != 8 || sum % 31 != 0 {
        return Err(Error::Headers);
    }
    if flags & 0x20 == 0 {
        return Ok(rest);
    }
    match rest.split_first_chunk() {
        Some((sum, rest)) if u32::from_be_bytes(*sum) == DICTIONARY => Ok(rest),
        _ => Err(Error::Headers),
    }
}

fn parse(mut block: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let count = block.try_get_u32().map_err(|_| Error::Headers)?;
    let mut headers = BTreeMap::new();
    for _ in 0..count {
        let name = text(&mut block)?;
        headers.insert(name.to_ascii_lowercase(), text(&mut block)?);
    }
    Ok(headers)
}

fn text(block: &mut &[u8]) -> Result<String, Error> {
    let length = block.try_get_u32().map_err(|_| Error::Headers)?;
    let (text, rest) = block
        .split_at_checked(length as usize)
        .ok_or(Error::Headers)?;
    *block = rest;
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// An empty header block, compressed. `first` begins the compressed stream of a connection.
pub(super) fn empty_block(first: bool) -> BytesMut {
    let mut block = BytesMut::new();
    if first {
        block.extend_from_slice(&[0x78, 0x01]);
    }
    // Four bytes as they are: the number of headers; then the empty block that ends a flush.
    block.extend_from_slice(&[0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0]);
    block.extend_from_slice(&[0, 0, 0, 0xff, 0xff]);
    block
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_that_of_the_protocol() {
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in dictionary() {
            a = (a + u32::from(byte)) % 65_521;
            b = (b + a) % 65_521;
        }
        assert_eq!((b << 16) | a, DICTIONARY);
    }

    /// Two blocks as zlib with the dictionary writes them, flushed after each.
    pub(in super::super) const BLOCKS: [&str; 2] = [
        "78f9e3c6a7c202253a48f95b044eea16061606409ab308125f99a074cc68004e892545a989b9d0c2863515141500000000ffff",
        "0269c05a9e8175906a26a8004b04000000ffff",
    ];

    #[test]
    fn blocks_of_zlib_are_read_in_order() {
        let mut inflater = Inflater::new();
        let mut read = |hex: &str| inflater.read(&unhex(hex)).unwrap();
        let one = read(BLOCKS[0]);
        assert_eq!(one["streamtype"], "error");
        assert_eq!(one["port"], "8080");
        let two = read(BLOCKS[1]);
        assert_eq!(two["streamtype"], "data");
        assert_eq!(two["content-length"], "0");
    }

    pub(in super::super) fn unhex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn an_empty_block_reads_as_none() {
        let mut inflater = Inflater::new();
        for first in [true, false] {
            assert!(inflater.read(&empty_block(first)).unwrap().is_empty());
        }
    }
}
