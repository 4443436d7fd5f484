//! Any bytes, read and inspected as csv.
#![no_main]

use tensegrity_tensor::file::fuzzing::fuzz_csv;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_csv(data);
});
