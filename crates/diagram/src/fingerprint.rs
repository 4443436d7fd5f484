//! A 128-bit hash that is the same on every machine and in every version.

/// Two independent 64-bit streams, each mixed by the splitmix64 finaliser.
/// Guards against accidents, not against attackers.
pub(crate) struct Fingerprint {
    state: [u64; 2],
}

impl Fingerprint {
    pub fn new() -> Self {
        Self {
            state: [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344],
        }
    }

    pub fn word(&mut self, word: u64) {
        self.state[0] = mix(self.state[0] ^ word);
        self.state[1] = mix(self.state[1].rotate_left(23) ^ word ^ 0x9E37_79B9_7F4A_7C15);
    }

    pub fn wide(&mut self, word: u128) {
        self.word(word as u64);
        self.word((word >> 64) as u64);
    }

    pub fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        for byte in text.bytes() {
            self.word(byte.into());
        }
    }

    pub fn finish(&self) -> u128 {
        u128::from(mix(self.state[0])) << 64 | u128::from(mix(self.state[1] ^ self.state[0]))
    }
}

/// Finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection of 64 bits.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
