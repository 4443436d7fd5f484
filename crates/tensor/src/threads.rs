//! How many threads a call may use, and the one way work is split over them.
//!
//! The setting is one number for the process, one unless a program's front end
//! says otherwise. Work is handed out by item number; which items exist never
//! depends on the number of threads, so a caller that combines results in item
//! order computes the same bits whatever the setting.
//!
//! Guarantees: with one thread nothing is spawned and items run in order;
//! parallel calls never nest (an inner call runs its items in order on the
//! thread it is on). Not guaranteed: the order of items on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::ThreadPool;
use rayon::prelude::*;

/// More threads than any machine this runs on; a larger request is a mistake
/// in a unit, and spawning it would exhaust the process.
const LIMIT: usize = 1024;

static THREADS: AtomicUsize = AtomicUsize::new(1);
static POOL: Mutex<Option<(usize, Arc<ThreadPool>)>> = Mutex::new(None);

/// Number of threads a call of this workspace may use (default one).
#[must_use]
pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}

/// Sets [`threads`] for the whole process.
///
/// Zero means one for every processor available. Values above 1024 count as
/// 1024. Calls already running keep the number they started with.
pub fn set_threads(count: usize) {
    let count = match count {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    };
    THREADS.store(count.min(LIMIT), Ordering::Relaxed);
}

/// Calls `task` once for every number below `count`.
///
/// Items should each be worth some ten microseconds or more; group smaller
/// ones by a size that depends on the problem only.
pub fn parallel_for(count: usize, task: impl Fn(usize) + Sync) {
    match pool_for(count) {
        None => (0..count).for_each(task),
        Some(pool) => pool.install(|| (0..count).into_par_iter().with_max_len(1).for_each(&task)),
    }
}

/// The results of `task` for every number below `count`, in order.
///
/// As [`parallel_for`].
pub fn parallel_map<R: Send>(count: usize, task: impl Fn(usize) -> R + Sync) -> Vec<R> {
    match pool_for(count) {
        None => (0..count).map(task).collect(),
        Some(pool) => pool.install(|| {
            (0..count)
                .into_par_iter()
                .with_max_len(1)
                .map(&task)
                .collect()
        }),
    }
}

/// Whether work started here would be spread over more than one thread.
#[must_use]
pub fn is_parallel() -> bool {
    threads() > 1 && rayon::current_thread_index().is_none()
}

/// Runs `work` inside the pool of [`threads`] threads, for libraries that
/// spread themselves over the rayon pool they are called from; runs it where
/// it is if there is one thread or it is in a pool already.
pub fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    match pool_for(2) {
        None => work(),
        Some(pool) => pool.install(work),
    }
}

/// The pool to spread `count` items over, or `None` to run them in order.
fn pool_for(count: usize) -> Option<Arc<ThreadPool>> {
    if count < 2 || !is_parallel() {
        return None;
    }
    let wanted = threads();
    let mut slot = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((size, pool)) = slot.as_ref()
        && *size == wanted
    {
        return Some(Arc::clone(pool));
    }
    // A system that refuses to start threads leaves us with the calling one.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(wanted)
        .thread_name(|number| format!("tensegrity-{number}"))
        .build()
        .ok()?;
    let pool = Arc::new(pool);
    *slot = Some((wanted, Arc::clone(&pool)));
    Some(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_runs_once_and_nested_calls_stay_in_order() {
        let before = threads();
        for count in [1, 2, 3] {
            set_threads(count);
            assert_eq!(threads(), count);
            let inner = parallel_map(40, |i| parallel_map(3, move |j| 10 * i + j));
            let expected: Vec<_> = (0..40)
                .map(|i| (0..3).map(|j| 10 * i + j).collect::<Vec<_>>())
                .collect();
            assert_eq!(inner, expected);
            let hits: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            parallel_for(100, |i| {
                hits[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(hits.iter().all(|hit| hit.load(Ordering::Relaxed) == 1));
        }
        set_threads(before);
    }
}
