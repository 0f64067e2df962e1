//! Counter-based random numbers: each draw is a pure function of (seed, purpose, counters), so results do not depend on
//! order, batch neighbours or threads. Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).

/// A stream of random numbers addressed by counters instead of consumed in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterRng {
    key: [u32; 2],
}

impl CounterRng {
    /// The stream for `seed` and `purpose`; different purposes share nothing.
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self::from_key(seed).fork(purpose)
    }

    /// An independent stream named `name` under this one.
    pub fn fork(&self, name: &str) -> Self {
        // FNV-1a of the name, then one Philox block mixes it with the key.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        let out = self.block([hash as u32, (hash >> 32) as u32, 0x6475_6574, 0]);
        Self { key: [out[0], out[1]] }
    }

    /// An independent stream numbered `index` under this one.
    pub fn nth(&self, index: u64) -> Self {
        let out = self.block([index as u32, (index >> 32) as u32, 0x6475_6574, 1]);
        Self { key: [out[0], out[1]] }
    }

    fn from_key(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// Four random words for a 128-bit counter.
    pub fn block(&self, counter: [u32; 4]) -> [u32; 4] {
        const M: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
        const W: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
        let (mut c, mut k) = (counter, self.key);
        for _ in 0..10 {
            let a = u64::from(M[0]) * u64::from(c[0]);
            let b = u64::from(M[1]) * u64::from(c[2]);
            c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
            k = [k[0].wrapping_add(W[0]), k[1].wrapping_add(W[1])];
        }
        c
    }

    /// The uniform of counter (step, position) in [0, 1): 24 random bits.
    pub fn uniform(&self, step: u32, position: u32) -> f32 {
        to_unit(self.block([position, step, 0, 0])[0])
    }

    /// The `i`-th uniform of this stream, in [0, 1).
    pub fn uniform_at(&self, i: u64) -> f32 {
        to_unit(self.bits_at(i)[0])
    }

    /// The `i`-th standard normal of this stream (Box-Muller).
    pub fn normal_at(&self, i: u64) -> f32 {
        let bits = self.bits_at(i);
        // 1 − u lies in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * (1.0 - f64::from(to_unit(bits[0]))).ln()).sqrt();
        (radius * (std::f64::consts::TAU * f64::from(to_unit(bits[1]))).cos()) as f32
    }

    /// The `i`-th integer of this stream, uniform in 0..`n` (`n` > 0).
    pub fn below_at(&self, i: u64, n: u64) -> u64 {
        let bits = self.bits_at(i);
        let word = u64::from(bits[0]) << 32 | u64::from(bits[1]);
        // Multiply-shift; the bias is below n/2^64.
        ((u128::from(word) * u128::from(n)) >> 64) as u64
    }

    fn bits_at(&self, i: u64) -> [u32; 4] {
        self.block([i as u32, (i >> 32) as u32, 0, 2])
    }
}

fn to_unit(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_published_vectors() {
        // Known answers of the Random123 distribution for philox4x32, 10 rounds.
        let zero = CounterRng { key: [0, 0] };
        assert_eq!(zero.block([0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = CounterRng { key: [u32::MAX; 2] };
        assert_eq!(ones.block([u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn moments_are_right() {
        let rng = CounterRng::new(7, "test");
        let n = 20_000;
        let mean = (0..n).map(|i| f64::from(rng.uniform_at(i))).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.01);
        let var = (0..n).map(|i| f64::from(rng.normal_at(i)).powi(2)).sum::<f64>() / n as f64;
        assert!((var - 1.0).abs() < 0.05);
        assert!((0..n).all(|i| rng.below_at(i, 5) < 5));
        assert_ne!(rng.fork("a"), rng.fork("b"));
    }
}
