//! From what a client sends to its requests: lines, in bounded memory whatever comes.

use std::io::{self, Read};

use super::limits::MAX_LINE;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Text, with the end of its line if it has one.
    Words(String),
    /// It is not UTF-8.
    NotText,
    /// It is longer than [`MAX_LINE`]. What comes after it cannot be told from it.
    TooLong,
}

/// Reads lines from `source`.
#[derive(Debug)]
pub struct Requests<R> {
    source: R,
    read: Vec<u8>,
    /// How much of `read` has been looked through for the end of a line.
    searched: usize,
}

impl<R: Read> Requests<R> {
    /// Nothing is read yet. `R` may give its bytes in pieces of any size.
    pub fn new(source: R) -> Requests<R> {
        Requests { source, read: Vec::with_capacity(MAX_LINE), searched: 0 }
    }

    /// The next line; the last one may lack its end. `None` at the end of everything. Nothing after [`Request::TooLong`].
    ///
    /// # Errors
    ///
    /// When `source` fails.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results goes on after an error")]
    pub fn next(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some(at) = self.read[self.searched..].iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=self.searched + at).collect();
                self.searched = 0;
                return Ok(Some(request(line)));
            }
            self.searched = self.read.len();
            if self.read.len() >= MAX_LINE {
                return Ok(Some(Request::TooLong));
            }
            let mut chunk = [0; MAX_LINE];
            let room = MAX_LINE - self.read.len();
            match self.source.read(&mut chunk[..room]) {
                Ok(0) if self.read.is_empty() => return Ok(None),
                Ok(0) => {
                    self.searched = 0;
                    return Ok(Some(request(std::mem::take(&mut self.read))));
                }
                Ok(length) => self.read.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn request(line: Vec<u8>) -> Request {
    String::from_utf8(line).map_or(Request::NotText, Request::Words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Request> {
        let mut requests = Requests::new(bytes);
        let mut found = Vec::new();
        while let Some(request) = requests.next().expect("a slice can be read") {
            let is_last = request == Request::TooLong;
            found.push(request);
            if is_last {
                break;
            }
        }
        found
    }

    #[test]
    fn lines_are_read_with_and_without_an_end() {
        let words = |text: &str| Request::Words(text.to_owned());
        assert_eq!(
            all(b"start\nmute a\r\n\nstop"),
            [words("start\n"), words("mute a\r\n"), words("\n"), words("stop")]
        );
        assert_eq!(all(b"\xff\nstop\n"), [Request::NotText, words("stop\n")]);
        assert_eq!(all(b""), []);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        assert_eq!(all(&[b'x'; 100_000]), [Request::TooLong]);
        let mut longest = vec![b'x'; MAX_LINE - 1];
        longest.push(b'\n');
        assert_eq!(all(&longest).len(), 1);
        assert!(matches!(all(&longest)[0], Request::Words(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_lines_or_too_long(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..4_000)) {
            let found = all(&bytes);
            prop_assert!(found.len() <= bytes.len());
            if !found.contains(&Request::TooLong) {
                let lines = bytes.split_inclusive(|&byte| byte == b'\n').count();
                prop_assert_eq!(found.len(), lines);
            }
        }
    }
}
