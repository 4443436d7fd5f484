//! Any bytes, read and inspected as npy.
#![no_main]

use tensegrity_tensor::file::fuzzing::fuzz_npy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_npy(data);
});
