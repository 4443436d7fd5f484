//! Any bytes, read and inspected as safetensors.
#![no_main]

use tensegrity_tensor::file::fuzzing::fuzz_safetensors;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz_safetensors(data);
});
