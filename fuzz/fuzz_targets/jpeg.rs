//! Any bytes, read and inspected as jpeg.
#![no_main]

use tensegrity_tensor::file::fuzzing::fuzz_jpeg;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_jpeg(data);
});
