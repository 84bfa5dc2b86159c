//! The wire format: numbered fields, each a number or bytes.

use super::Error;

/// The payload of a field.
pub(super) enum Payload<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Eight bytes, such as a double.
    Fixed(u64),
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    message: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], message: &'static str) -> Self {
        Self {
            bytes,
            at: 0,
            message,
        }
    }

    fn malformed(&self) -> Error {
        Error::Malformed {
            message: self.message,
            at: self.at,
        }
    }

    /// The next field: its number and payload.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Payload<'a>)>, Error> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| self.malformed())?;
        let payload = match tag & 7 {
            0 => Payload::Number(self.varint()?),
            1 => Payload::Fixed(self.fixed(8)?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| self.malformed())?;
                Payload::Bytes(self.slice(length)?)
            }
            5 => Payload::Fixed(self.fixed(4)?),
            _ => return Err(self.malformed()),
        };
        Ok(Some((number, payload)))
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self
            .at
            .checked_add(length)
            .ok_or_else(|| self.malformed())?;
        let slice = self
            .bytes
            .get(self.at..end)
            .ok_or_else(|| self.malformed())?;
        self.at = end;
        Ok(slice)
    }

    fn fixed(&mut self, length: usize) -> Result<u64, Error> {
        let bytes = self.slice(length)?.iter().rev();
        Ok(bytes.fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.malformed())?;
            self.at += 1;
            number |= u64::from(byte & 0x7f)
                .checked_shl(shift)
                .unwrap_or_default();
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.malformed())
    }
}
