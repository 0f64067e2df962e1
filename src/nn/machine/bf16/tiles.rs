//! Intel's AMX: a tile holds 16 rows of 64 bytes. One instruction multiplies a (16, 32) tile of bf16 by a (32, 16) one, whose rows
//! are interleaved in pairs, and adds to a (16, 16) tile of f32: sixteen times what a core's AVX-512 units do in the same time in f32.

use super::{PANEL, STEP};
use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

/// `ARCH_REQ_XCOMP_PERM` and the number of the tile data's state component (Linux `arch_prctl`).
const REQUEST_PERMISSION: libc::c_long = 0x1023;
const TILE_DATA: libc::c_long = 18;

/// Whether this process may use tiles. The first call asks the kernel for the permission.
pub fn available() -> bool {
    static AVAILABLE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *AVAILABLE.get_or_init(allowed)
}

fn allowed() -> bool {
    let features = __cpuid_count(7, 0).edx;
    let [bf16, tile] = [22, 24].map(|bit| features >> bit & 1 == 1);
    // SAFETY: the call takes two numbers and touches no memory of ours.
    bf16 && tile && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) } == 0
}

/// Palette 1, all eight tiles 16 rows of 64 bytes (Intel SDM, LDTILECFG).
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Tiles that are configured on this thread; given back on drop.
pub struct Tiles {
    // Tile registers belong to the thread that configured them.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Tiles {
    pub fn configure() -> Self {
        assert!(available(), "tiles are used only where they are available");
        let mut config =
            Config { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        config.row_bytes[..8].fill(64);
        config.rows[..8].fill(16);
        // SAFETY: the unit exists and is permitted (asserted above); the instruction reads the 64 bytes of `config`.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, readonly)) };
        Self { _thread: std::marker::PhantomData }
    }

    /// A panel of 32 rows times a panel of 32 columns, to the first 32 columns of 32 rows of `dst`, `width` apart.
    pub fn multiply(&self, left: &[u32], right: &[u32], dst: &mut [f32], width: usize, add: bool) {
        let steps = left.len() / STEP;
        assert!(steps > 0 && left.len() == right.len() && left.len() == steps * STEP, "uneven panels");
        assert!(dst.len() >= (PANEL - 1) * width + PANEL, "the product exceeds its slice");
        let at = dst.as_mut_ptr();
        // SAFETY: `at` and the three other corners begin 16x16 blocks, rows `width` apart, that the assertion above
        // keeps inside `dst`; `left` and `right` hold `steps` times 2,048 bytes. Tiles are configured while `self` is.
        unsafe {
            let corners = [at, at.add(16), at.add(16 * width), at.add(16 * width + 16)];
            asm!(
                "test {add:e}, {add:e}",
                "jz 2f",
                "tileloadd tmm0, [{c0} + {row}]",
                "tileloadd tmm1, [{c1} + {row}]",
                "tileloadd tmm2, [{c2} + {row}]",
                "tileloadd tmm3, [{c3} + {row}]",
                "jmp 3f",
                "2:",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "3:",
                "tileloadd tmm4, [{a} + {line}]",
                "tileloadd tmm6, [{b} + {line}]",
                "tileloadd tmm5, [{a} + {line} + 1024]",
                "tileloadd tmm7, [{b} + {line} + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a}, 2048",
                "add {b}, 2048",
                "dec {steps}",
                "jnz 3b",
                "tilestored [{c0} + {row}], tmm0",
                "tilestored [{c1} + {row}], tmm1",
                "tilestored [{c2} + {row}], tmm2",
                "tilestored [{c3} + {row}], tmm3",
                add = in(reg) u32::from(add),
                c0 = in(reg) corners[0],
                c1 = in(reg) corners[1],
                c2 = in(reg) corners[2],
                c3 = in(reg) corners[3],
                row = in(reg) width * size_of::<f32>(),
                line = in(reg) 64usize,
                a = inout(reg) left.as_ptr() => _,
                b = inout(reg) right.as_ptr() => _,
                steps = inout(reg) steps => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: gives the tile registers of this thread back; nobody else holds them.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}
