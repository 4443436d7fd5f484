//! What a process remembers so that a repeated contraction costs nothing but itself.
//!
//! A fixed number of entries in shards, each behind its own lock; the entry of
//! a shard that was not used for longest makes room. Keys are compared in
//! full: a hash is only where to look.

use std::sync::{Arc, Mutex, PoisonError};

/// Shards; a power of two.
const SHARDS: usize = 8;
/// Entries of all shards together.
const ENTRIES: usize = 512;

/// A concurrent least-recently-used map.
pub(crate) struct Cache<K, V> {
    shards: [Mutex<Shard<K, V>>; SHARDS],
}

struct Shard<K, V> {
    /// Beside the entries, so that looking for one touches few lines.
    hashes: Vec<u64>,
    entries: Vec<Entry<K, V>>,
    clock: u64,
}

struct Entry<K, V> {
    key: K,
    value: Arc<V>,
    used: u64,
}

impl<K, V> Cache<K, V> {
    pub const fn new() -> Self {
        Self {
            shards: [const {
                Mutex::new(Shard {
                    hashes: Vec::new(),
                    entries: Vec::new(),
                    clock: 0,
                })
            }; SHARDS],
        }
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard<K, V>> {
        // The low bits tell entries of a shard apart.
        &self.shards[(hash >> 58) as usize % SHARDS]
    }

    /// The value under a key with this hash for which `same` holds.
    pub fn get(&self, hash: u64, same: impl Fn(&K) -> bool) -> Option<Arc<V>> {
        let mut shard = self
            .shard(hash)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        shard.clock += 1;
        let Shard {
            hashes,
            entries,
            clock,
        } = &mut *shard;
        let at = (0..hashes.len()).find(|&i| hashes[i] == hash && same(&entries[i].key))?;
        entries[at].used = *clock;
        Some(Arc::clone(&entries[at].value))
    }

    /// Remembers `value`.
    pub fn insert(&self, hash: u64, key: K, value: Arc<V>) {
        let mut shard = self
            .shard(hash)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        shard.clock += 1;
        let used = shard.clock;
        if shard.entries.len() == ENTRIES / SHARDS {
            let oldest = (0..shard.entries.len()).min_by_key(|&i| shard.entries[i].used);
            let oldest = oldest.expect("a full shard has entries");
            shard.entries.swap_remove(oldest);
            shard.hashes.swap_remove(oldest);
        }
        shard.hashes.push(hash);
        shard.entries.push(Entry { key, value, used });
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.hashes.clear();
            shard.entries.clear();
        }
    }
}

/// A fast hash of words and text; not for untrusted tables of unbounded size.
#[derive(Clone, Copy)]
pub(crate) struct Hash(u64);

impl Hash {
    /// Odd, with bits of the golden ratio.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

    pub const fn new() -> Self {
        Self(Self::FACTOR)
    }

    #[inline]
    pub fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(Self::FACTOR);
    }

    #[inline]
    pub fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    pub const fn finish(self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_makes_room() {
        let cache: Cache<u64, u64> = Cache::new();
        let capacity = (ENTRIES / SHARDS) as u64;
        // All in one shard: equal high bits.
        for key in 0..capacity {
            cache.insert(key, key, Arc::new(key));
        }
        let find = |key: u64| cache.get(key, |&k| k == key).map(|v| *v);
        assert_eq!(find(0), Some(0));
        cache.insert(capacity, capacity, Arc::new(capacity));
        assert_eq!(find(0), Some(0), "just used");
        assert_eq!(find(1), None, "oldest");
        assert_eq!(find(capacity), Some(capacity));
        // One hash, two keys.
        cache.insert(0, 99, Arc::new(99));
        assert_eq!(cache.get(0, |&k| k == 99).map(|v| *v), Some(99));
        assert_eq!(find(0), Some(0));
        cache.clear();
        assert_eq!(find(0), None);
    }
}
