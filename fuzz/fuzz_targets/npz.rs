//! Any bytes, read and inspected as npz.
#![no_main]

use tensegrity_tensor::file::fuzzing::fuzz_npz;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_npz(data);
});
