//! Any bytes, read and inspected as png.
#![no_main]

use tensegrity_tensor::file::fuzzing::fuzz_png;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_png(data);
});
