//! Any bytes, read as a stored representation and expanded if that is small.
#![no_main]

use tensegrity_fit::Representation;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(representation) = Representation::from_bytes(data) {
        let elements = representation.shape().iter().try_fold(1usize, |n, &l| n.checked_mul(l));
        if elements.is_some_and(|elements| elements < 1 << 16) {
            let _ = representation.expand();
        }
    }
});
