//! Rows split over threads.

use std::sync::{Mutex, OnceLock, PoisonError};

/// How many threads are meant: `None` for as many as there are cores.
pub(crate) fn n_threads(setting: Option<usize>) -> usize {
    /// Asking the system reads files, which takes as long as thousands of rows.
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = || *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from));
    setting.map_or_else(cores, |threads| threads.max(1))
}

/// Runs `work` on each chunk of `size` elements of `out`, told its number, each thread taking the next that is left. What
/// a chunk gets does not depend on the number of threads.
pub(crate) fn in_chunks(
    threads: usize,
    out: &mut [f32],
    size: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let n_chunks = out.len().div_ceil(size);
    let chunks = Mutex::new(out.chunks_mut(size).enumerate());
    let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while let Some((chunk, out)) = next() {
            work(chunk, out);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(n_chunks) {
            scope.spawn(run);
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_is_worked_on_once() {
        for threads in [1, 2, 9] {
            let mut out = vec![0.0; 10];
            in_chunks(threads, &mut out, 4, |chunk, out| {
                for value in out {
                    *value += 1.0 + chunk as f32;
                }
            });
            assert_eq!(out, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0]);
        }
        in_chunks(2, &mut [], 4, |_, _| unreachable!("there is no chunk"));
    }
}
