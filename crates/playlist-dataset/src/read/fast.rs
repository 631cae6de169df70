//! CSV that needs no second look, read in one pass by all cores.
//!
//! What it reads it reads as [`super::csv`] would; anything that it does not understand, or that is an error, it leaves to that,
//! which reads the file from the beginning and says what is wrong.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use memchr::{memchr, memchr_iter, memchr3, memrchr};
use playlist_core::{AudioFeature, unit};

use super::lines::LineNumbers;
use crate::build::{Texts, known_code, push_id};
use crate::column::Assignment;
use crate::feature_column::Numbers;
use crate::text::{CodedColumn, TextColumn};
use crate::threads::joined_thread;

/// So many bytes are best read and understood at once: they stay in the processor's cache.
pub(super) const BYTES_AT_ONCE: usize = 1 << 20;

/// The rows of a file.
pub(super) struct FastRows {
    pub(super) n_rows: usize,
    pub(super) n_short: usize,
    pub(super) n_blank: usize,
    pub(super) lines: LineNumbers,
    /// A column for each feature that has one.
    pub(super) numbers: Vec<Numbers>,
    pub(super) texts: Texts,
}

/// What is read, and how.
pub(super) struct Plan<'a> {
    pub(super) delimiter: u8,
    pub(super) names: &'a [String],
    pub(super) assignment: &'a Assignment,
    /// The most bytes of a line.
    pub(super) limit: usize,
    /// The lines before the first row.
    pub(super) n_lines: usize,
    /// The bytes that are read at once.
    pub(super) bytes_at_once: usize,
}

/// What becomes of the cells of a column.
#[derive(Clone, Copy)]
enum Target {
    Number(usize),
    Id,
    Title,
    Artist,
    Label,
    Split(usize),
}

/// Reads `file` from where it stands to its end; `None` when something needs a closer look.
pub(super) fn read(file: &mut (impl Read + Send), plan: &Plan<'_>) -> Option<FastRows> {
    let assignment = plan.assignment;
    if assignment.camelot.is_some() || !assignment.duplicates.is_empty() {
        return None;
    }
    let (targets, features, splits) = targets(plan);
    let source = Mutex::new(Source {
        file,
        carried: Vec::new(),
        n_chunks: 0,
        at_end: false,
    });
    let (done, failed) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let work = || {
        let mut buffer = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let next = source
                .lock()
                .ok()
                .map(|mut source| source.next(&mut buffer, plan));
            let chunk = match next {
                Some(Next::End) => return,
                Some(Next::Chunk(index)) => Chunk::new(features.len(), splits.len())
                    .read(&buffer, plan, &targets)
                    .map(|chunk| (index, chunk)),
                _ => None,
            };
            match (chunk, done.lock()) {
                (Some(chunk), Ok(mut done)) => done.push(chunk),
                _ => failed.store(true, Ordering::Relaxed),
            }
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(work);
        }
        work();
    });
    let mut chunks = done
        .into_inner()
        .ok()
        .filter(|_| !failed.load(Ordering::Relaxed))?;
    chunks.sort_unstable_by_key(|(index, _)| *index);
    let chunks: Vec<Chunk> = chunks.into_iter().map(|(_, chunk)| chunk).collect();
    Some(joined(chunks, plan, &features, &splits))
}

/// What becomes of the cells of each column, the features that have one, and the columns of parts.
fn targets(plan: &Plan<'_>) -> (Vec<Vec<Target>>, Vec<AudioFeature>, Vec<usize>) {
    let assignment = plan.assignment;
    let mut targets: Vec<Vec<Target>> = vec![Vec::new(); plan.names.len()];
    let mut features = Vec::new();
    for feature in AudioFeature::ALL {
        if let Some(position) = assignment.features[feature.index()] {
            targets[position].push(Target::Number(features.len()));
            features.push(feature);
        }
    }
    let texts = [
        (assignment.id, Target::Id),
        (assignment.title, Target::Title),
        (assignment.artist, Target::Artist),
        (assignment.label, Target::Label),
    ];
    for (position, target) in texts {
        if let Some(position) = position {
            targets[position].push(target);
        }
    }
    let splits = assignment.split_columns(plan.names);
    for (number, position) in splits.iter().enumerate() {
        targets[*position].push(Target::Split(number));
    }
    (targets, features, splits)
}

/// The file, cut into whole rows.
struct Source<'a, R> {
    file: &'a mut R,
    /// The beginning of a row whose end was not read yet.
    carried: Vec<u8>,
    n_chunks: usize,
    at_end: bool,
}

enum Next {
    /// A chunk, of this number, is in the buffer.
    Chunk(usize),
    End,
    Failed,
}

impl<R: Read> Source<'_, R> {
    /// Fills `buffer` with whole rows, each with a line break at its end.
    fn next(&mut self, buffer: &mut Vec<u8>, plan: &Plan<'_>) -> Next {
        let at_once = plan.bytes_at_once;
        buffer.clear();
        buffer.append(&mut self.carried);
        while !self.at_end {
            let read = (&mut *self.file).take(at_once as u64).read_to_end(buffer);
            match read {
                Ok(n_bytes) => self.at_end = n_bytes < at_once,
                Err(_) => return Next::Failed,
            }
            if !self.at_end
                && let Some(end) = last_row_end(buffer)
            {
                self.carried.extend_from_slice(&buffer[end..]);
                buffer.truncate(end);
                break;
            }
            if !self.at_end && buffer.len() > at_once + 2 * plan.limit {
                return Next::Failed;
            }
        }
        if buffer.is_empty() {
            return Next::End;
        }
        if buffer.last() != Some(&b'\n') {
            buffer.push(b'\n');
        }
        self.n_chunks += 1;
        Next::Chunk(self.n_chunks - 1)
    }
}

/// Where the last whole row ends, behind its line break: one before which every quote is closed.
fn last_row_end(bytes: &[u8]) -> Option<usize> {
    let mut n_quotes = memchr_iter(b'"', bytes).count();
    let mut end = bytes.len();
    loop {
        let line_break = memrchr(b'\n', &bytes[..end])?;
        n_quotes -= memchr_iter(b'"', &bytes[line_break..end]).count();
        if n_quotes.is_multiple_of(2) {
            return Some(line_break + 1);
        }
        end = line_break;
    }
}

/// What a part of the file holds.
struct Chunk {
    n_rows: usize,
    n_short: usize,
    n_blank: usize,
    n_lines: usize,
    /// Rows whose distance to their line is another than that of the row before: row and line, both from 0.
    shifts: Vec<(usize, usize)>,
    numbers: Vec<Vec<f32>>,
    ids: TextColumn,
    titles: TextColumn,
    artists: TextColumn,
    labels: CodedColumn,
    splits: Vec<CodedColumn>,
}

impl Chunk {
    fn new(n_features: usize, n_splits: usize) -> Self {
        Self {
            n_rows: 0,
            n_short: 0,
            n_blank: 0,
            n_lines: 0,
            shifts: Vec::new(),
            numbers: vec![Vec::new(); n_features],
            ids: TextColumn::default(),
            titles: TextColumn::default(),
            artists: TextColumn::default(),
            labels: CodedColumn::default(),
            splits: vec![CodedColumn::default(); n_splits],
        }
    }

    /// Reads whole rows.
    fn read(mut self, bytes: &[u8], plan: &Plan<'_>, targets: &[Vec<Target>]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        if memchr(0, bytes).is_some() {
            return None;
        }
        let cells = Cells {
            text,
            delimiter: plan.delimiter,
            has_returns: memchr(b'\r', bytes).is_some(),
        };
        let mut start = 0;
        while start < bytes.len() {
            let line = self.n_lines;
            if matches!(bytes[start], b' ' | b'\r' | b'\n')
                && let Some(end) = blank_line(&bytes[start..])
            {
                self.n_blank += 1;
                self.n_lines += 1;
                start += end;
                continue;
            }
            let (mut at, mut n_fields) = (start, 0);
            loop {
                let (cell, end) = cells.next(at)?;
                for target in targets.get(n_fields)? {
                    self.put(*target, &cell)?;
                }
                if bytes[at] == b'"' {
                    self.n_lines += memchr_iter(b'\n', &bytes[at..end]).count();
                }
                n_fields += 1;
                at = end + 1;
                match bytes[end] {
                    b'\n' => break,
                    delimiter if delimiter == plan.delimiter => {}
                    _ => return None,
                }
            }
            if at - start > plan.limit {
                return None;
            }
            if n_fields < targets.len() {
                self.n_short += 1;
                for target in targets[n_fields..].iter().flatten() {
                    self.put(*target, "")?;
                }
            }
            let distance = |(row, line): &(usize, usize)| line - row;
            if self.shifts.last().map(distance) != Some(line - self.n_rows) {
                self.shifts.push((self.n_rows, line));
            }
            self.n_rows += 1;
            self.n_lines += 1;
            start = at;
        }
        Some(self)
    }

    fn put(&mut self, target: Target, cell: &str) -> Option<()> {
        match target {
            Target::Number(number) => {
                let value = match plain_number(cell.as_bytes()) {
                    Some(value) => value,
                    None => unit::number(cell)?,
                };
                self.numbers[number].push(value);
            }
            Target::Id => push_id(&mut self.ids, cell),
            Target::Title => self.titles.push(cell.trim()),
            Target::Artist => self.artists.push(cell.trim()),
            Target::Label => self.labels.push(known_code(cell)),
            Target::Split(number) => self.splits[number].push(known_code(cell)),
        }
        Some(())
    }
}

/// The cells of whole rows.
struct Cells<'a> {
    text: &'a str,
    delimiter: u8,
    has_returns: bool,
}

impl<'a> Cells<'a> {
    /// The cell that begins at `at`, and where what follows it stands.
    #[inline]
    fn next(&self, at: usize) -> Option<(Cow<'a, str>, usize)> {
        let bytes = self.text.as_bytes();
        if bytes[at] == b'"' {
            return self.next_quoted(at);
        }
        let end = field_end(bytes, at, self.delimiter)?;
        let mut cell = &self.text[at..end];
        if self.has_returns {
            if bytes[end] == b'\n' {
                cell = cell.strip_suffix('\r').unwrap_or(cell);
            }
            if cell.contains('\r') {
                return None;
            }
        }
        Some((Cow::Borrowed(cell), end))
    }

    fn next_quoted(&self, at: usize) -> Option<(Cow<'a, str>, usize)> {
        let bytes = self.text.as_bytes();
        let mut end = quoted_end(bytes, at + 1)?;
        let inner = &self.text[at + 1..end - 1];
        if self.has_returns {
            if memchr(b'\r', inner.as_bytes()).is_some() {
                return None;
            }
            if bytes[end..].starts_with(b"\r\n") {
                end += 1;
            }
        }
        let cell = if memchr(b'"', inner.as_bytes()).is_some() {
            Cow::Owned(inner.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(inner)
        };
        Some((cell, end))
    }
}

/// The bytes of a line of blanks with its line break; `None` for another line.
fn blank_line(bytes: &[u8]) -> Option<usize> {
    let end = memchr(b'\n', bytes)?;
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    line.iter().all(|byte| *byte == b' ').then_some(end + 1)
}

/// Where the field that begins at `at` ends: before a delimiter or a line break, or before a quote, which must not be there.
#[inline]
fn field_end(bytes: &[u8], at: usize, delimiter: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // Eight bytes at a time: a byte equal to the one looked for is zero after `^`, and the lowest zero is found for sure.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let [delimiters, breaks, quotes] = [delimiter, b'\n', b'"'].map(|byte| ONES * u64::from(byte));
    let mut from = at;
    while from < at + 32
        && let Some(eight) = bytes.get(from..).and_then(<[u8]>::first_chunk)
    {
        let word = u64::from_le_bytes(*eight);
        let found = zeros(word ^ delimiters) | zeros(word ^ breaks) | zeros(word ^ quotes);
        if found != 0 {
            return Some(from + found.trailing_zeros() as usize / 8);
        }
        from += 8;
    }
    memchr3(delimiter, b'\n', b'"', &bytes[from..]).map(|offset| from + offset)
}

/// The place behind the quote that closes a field, which was opened before `at`.
fn quoted_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', &bytes[at..])? + 1;
        if bytes.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

/// A number written as digits with a decimal point, to the bit as [`str::parse`] reads it; `None` where that must decide.
#[inline]
fn plain_number(cell: &[u8]) -> Option<f32> {
    /// Powers of ten that 64 bits hold exactly.
    const POWERS: [f64; 16] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let (is_negative, digits) = match cell {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let (mut whole, mut point) = (0_u64, None);
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            whole = whole * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() && digits.len() > 1 {
            point = Some(at);
        } else {
            return None;
        }
    }
    // At most 16 digits, and with a point 15: below 2^53 they are exact.
    if whole >= 1 << 53 {
        return None;
    }
    let n_decimals = point.map_or(0, |point| digits.len() - 1 - point);
    let value = whole as f64 / POWERS.get(n_decimals)?;
    // The quotient is rounded once. Halfway between two numbers of 32 bits it may lie only because of that.
    if value.to_bits() & ((1 << 29) - 1) == 1 << 28 {
        return None;
    }
    let value = value as f32;
    Some(if is_negative { -value } else { value })
}

/// The chunks as one.
fn joined(chunks: Vec<Chunk>, plan: &Plan<'_>, features: &[AudioFeature], splits: &[usize]) -> FastRows {
    let sum = |count: fn(&Chunk) -> usize| chunks.iter().map(count).sum();
    let n_rows = sum(|chunk| chunk.n_rows);
    let (n_short, n_blank) = (sum(|chunk| chunk.n_short), sum(|chunk| chunk.n_blank));
    let mut lines = LineNumbers::text();
    let (mut row, mut line) = (0, plan.n_lines + 1);
    for chunk in &chunks {
        for (at_row, at_line) in &chunk.shifts {
            lines.note(row + at_row, line + at_line);
        }
        row += chunk.n_rows;
        line += chunk.n_lines;
    }
    let assignment = plan.assignment;
    let text = |position: Option<usize>, column: fn(&Chunk) -> &TextColumn| {
        position.map(|_| TextColumn::joined(chunks.iter().map(column)))
    };
    let number = |number: usize| {
        let mut numbers = Numbers::new(features[number]);
        numbers.values.reserve_exact(n_rows);
        for chunk in &chunks {
            numbers.extend(|values| values.extend_from_slice(&chunk.numbers[number]));
        }
        numbers
    };
    let (numbers, texts) = std::thread::scope(|scope| {
        let texts = scope.spawn(|| Texts {
            ids: text(assignment.id, |chunk| &chunk.ids),
            titles: text(assignment.title, |chunk| &chunk.titles),
            artists: text(assignment.artist, |chunk| &chunk.artists),
            labels: assignment
                .label
                .map(|_| CodedColumn::joined(chunks.iter().map(|chunk| &chunk.labels))),
            splits: (splits.iter().enumerate())
                .map(|(number, position)| {
                    let column = CodedColumn::joined(chunks.iter().map(|chunk| &chunk.splits[number]));
                    (plan.names[*position].clone(), column)
                })
                .collect(),
        });
        let numbers = (0..features.len()).map(number).collect();
        (numbers, joined_thread(texts))
    });
    FastRows {
        n_rows,
        n_short,
        n_blank,
        lines,
        numbers,
        texts,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_the_standard_library(text in "-?[0-9]{0,10}(\\.[0-9]{0,9})?") {
            if let Some(value) = plain_number(text.as_bytes()) {
                prop_assert_eq!(value.to_bits(), text.parse::<f32>().unwrap().to_bits(), "{}", text);
            }
        }
    }

    #[test]
    fn numbers_that_are_no_plain_ones_are_left_to_the_standard_library() {
        for text in [
            "",
            "-",
            ".",
            "1e5",
            "+1",
            "1.2.3",
            "nan",
            "12345678901234567",
            " 1",
        ] {
            assert_eq!(plain_number(text.as_bytes()), None, "{text}");
        }
        // Halfway between two floats but for its last digit.
        assert_eq!(
            plain_number(b"16777217.0000001").unwrap_or(16_777_218.0),
            16_777_218.0
        );
    }

    #[test]
    fn fields_end_at_the_first_delimiter_or_line_break() {
        for n in 0..60 {
            let text = format!("{}-\u{8}\u{b},b\n", "x".repeat(n));
            assert_eq!(field_end(text.as_bytes(), 0, b','), Some(n + 3));
            let text = format!("{}\nb,", "+".repeat(n));
            assert_eq!(field_end(text.as_bytes(), 0, b','), Some(n));
        }
        assert_eq!(field_end(b"abc", 0, b','), None);
    }

    #[test]
    fn chunks_end_with_whole_rows() {
        assert_eq!(last_row_end(b"a,b\nc,\"d\n"), Some(4));
        assert_eq!(last_row_end(b"a,b\nc,\"d\n\"\ne"), Some(11));
        assert_eq!(last_row_end(b"\"a\nb\n"), None);
    }
}
