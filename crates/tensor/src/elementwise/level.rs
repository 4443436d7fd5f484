//! Compiling one loop for several instruction sets and choosing at run time.

/// A loop to be compiled for every level.
///
/// Implementations are `#[inline(always)]` down to the arithmetic, so that
/// the loop is vectorised with the instructions of the function it lands in.
pub(crate) trait Work {
    /// `FUSED`: whether `mul_add` is one instruction.
    fn run<const FUSED: bool>(self);
}

/// Instruction sets told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every processor of the architecture has.
    Base,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 as of Skylake-X and Zen 4.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best level of this processor.
    #[cfg(target_arch = "x86_64")]
    pub fn detect() -> Self {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma")
        {
            Level::Avx512
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            Level::Avx2
        } else {
            Level::Base
        }
    }

    /// The best level of this processor.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn detect() -> Self {
        Level::Base
    }

    /// Every level this processor has, for tests.
    #[cfg(test)]
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        match Self::detect() {
            Level::Base => vec![Level::Base],
            Level::Avx2 => vec![Level::Base, Level::Avx2],
            Level::Avx512 => vec![Level::Base, Level::Avx2, Level::Avx512],
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Level::Base]
    }

    /// Runs `work` with the instructions of this level.
    #[inline]
    pub fn run<W: Work>(self, work: W) {
        match self {
            // The base of 64-bit ARM has the instruction, that of x86 not.
            Level::Base if cfg!(target_arch = "aarch64") => work.run::<true>(),
            Level::Base => work.run::<false>(),
            // SAFETY: the level was detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2(work) },
            // SAFETY: the level was detected.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512(work) },
        }
    }
}

/// # Safety
/// The processor has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<W: Work>(work: W) {
    work.run::<true>();
}

/// # Safety
/// The processor has the features.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
unsafe fn avx512<W: Work>(work: W) {
    work.run::<true>();
}
