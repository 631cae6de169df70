//! Work in several threads.

use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

/// `work` for each of `items`, in as many threads as there are cores: there may be millions of rows. A thread takes the next item
/// that is left; what is returned is in the order of the items.
pub(crate) fn on_threads<T: Send, U: Send>(
    n_rows: usize,
    items: &mut [T],
    work: impl Fn(&mut T) -> U + Sync,
) -> Vec<U> {
    /// Below this many rows a thread costs more than it saves.
    const FEW: usize = 20_000;
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let n_threads = n_cores.min(items.len());
    if n_rows < FEW || n_threads <= 1 {
        return items.iter_mut().map(work).collect();
    }
    let left = Mutex::new(items.iter_mut().enumerate());
    let work_on = || {
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let done = std::iter::from_fn(|| next().map(|(index, item)| (index, work(item))));
        done.collect::<Vec<_>>()
    };
    let mut done = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..n_threads).map(|_| scope.spawn(work_on)).collect();
        let mut done = work_on();
        threads
            .into_iter()
            .for_each(|thread| done.extend(joined_thread(thread)));
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What a thread returned; its panic goes on here.
pub(crate) fn joined_thread<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
