//! A value of which only the newest counts: writing never waits, reading never frees.
//!
//! Three slots and an exchanged index (the `triple_buffer` crate). The writer fills its own slot and swaps it with the
//! middle one; what it gets back is an older value, which its next write overwrites and frees, on its own thread. The reader
//! swaps its slot with the middle one when there is news. Nothing can overflow, and no queue has to bring old values home.

/// Makes both ends; the reader begins with `initial`.
#[must_use]
pub fn latest<T: Clone + Send>(initial: T) -> (LatestWriter<T>, LatestReader<T>) {
    let (input, output) = triple_buffer::triple_buffer(&initial);
    (LatestWriter(input), LatestReader(output))
}

/// The end that writes.
#[derive(Debug)]
pub struct LatestWriter<T: Send>(triple_buffer::Input<T>);

/// The end that reads.
#[derive(Debug)]
pub struct LatestReader<T: Send>(triple_buffer::Output<T>);

impl<T: Send> LatestWriter<T> {
    /// Publishes `value`. Drops an older value that the reader has given up; each is dropped two writes later at the
    /// latest.
    pub fn write(&mut self, value: T) {
        self.0.write(value);
    }
}

impl<T: Send> LatestReader<T> {
    /// Takes up the newest value, if there is one; whether there was. Real-time safe: an exchange of indices.
    pub fn update(&mut self) -> bool {
        self.0.update()
    }

    /// Returns whether there is a newer value to take up. Real-time safe.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.0.updated()
    }

    /// The value taken up last. Stays the same until [`LatestReader::update`]. Real-time safe.
    #[must_use]
    pub fn get(&self) -> &T {
        self.0.output_buffer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_newest_wins_and_the_reader_chooses_when() {
        let (mut writer, mut reader) = latest(0);
        writer.write(1);
        writer.write(2);
        assert_eq!(*reader.get(), 0);
        assert!(reader.update());
        assert_eq!(*reader.get(), 2);
        assert!(!reader.update());
    }

    #[test]
    fn the_writer_frees_what_was_replaced() {
        let (mut writer, mut reader) = latest(None);
        let old = Arc::new(());
        writer.write(Some(Arc::clone(&old)));
        reader.update();
        writer.write(None);
        reader.update();
        assert_eq!(Arc::strong_count(&old), 2, "the reader frees nothing");
        writer.write(None);
        writer.write(None);
        assert_eq!(Arc::strong_count(&old), 1, "the writer does");
    }
}
