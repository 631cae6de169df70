//! Which instruction set runs, and what all loops need of its registers.

use pulp::{Arch, Simd};

/// Widths of single networks are padded to whole multiples of it: half a register of AVX-512, one of AVX2, two of NEON.
pub(crate) const NARROW: usize = 8;

/// `width` rounded up to whole lanes.
pub(crate) const fn padded(width: usize) -> usize {
    width.div_ceil(NARROW) * NARROW
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level(pub(crate) Arch);

impl Level {
    /// The best there is.
    pub(crate) fn best() -> Self {
        Self(Arch::new())
    }

    /// The best whose registers hold at most [`NARROW`] numbers: for what is left beside whole registers of 16, and for
    /// sums across lanes, which so have one order on all x86 processors with AVX2.
    pub(crate) fn narrow(self) -> Self {
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V4(simd) => Self(Arch::V3(*simd)),
            other => Self(other),
        }
    }

    /// Numbers in a register.
    pub(crate) fn lanes(self) -> usize {
        match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V4(_) => 16,
            _ => NARROW,
        }
    }

    /// Every one that this processor has, the portable one first.
    #[cfg(test)]
    pub(crate) fn all() -> [Self; 3] {
        let best = Self::best();
        [Self(Arch::Scalar), best.narrow(), best]
    }
}

/// Makes `$name` run its body on the registers `S` of a level, `simd` being the instructions and `FUSED` whether they
/// have a fused multiply-add: without one it would be a slow library call. References have the lifetime `'a`.
///
/// The arguments travel in a structure and not in a closure: what calls a closure is not always inlined, and then the
/// body is compiled without the instruction set.
macro_rules! on_lanes {
    ($(#[$attribute:meta])*
     $visibility:vis fn $name:ident[$($generic:ident: $of:ty),*]($simd:ident, $($argument:ident: $kind:ty),* $(,)?) $body:block) => {
        $(#[$attribute])*
        $visibility fn $name<'a, $(const $generic: $of),*>(level: $crate::lanes::Level, $($argument: $kind),*) {
            struct Call<'a, const FUSED: bool, $(const $generic: $of),*> {
                lifetime: std::marker::PhantomData<&'a ()>,
                $($argument: $kind),*
            }
            impl<'a, const FUSED: bool, $(const $generic: $of),*> pulp::WithSimd for Call<'a, FUSED, $($generic),*> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, $simd: S) {
                    let Self { lifetime: _, $($argument),* } = self;
                    $body
                }
            }
            let lifetime = std::marker::PhantomData;
            match level.0 {
                pulp::Arch::Scalar => pulp::WithSimd::with_simd(
                    Call::<false, $($generic),*> { lifetime, $($argument),* },
                    pulp::Scalar256b,
                ),
                #[allow(unreachable_patterns, reason = "on processors for which pulp knows one set")]
                arch => arch.dispatch(Call::<true, $($generic),*> { lifetime, $($argument),* }),
            }
        }
    };
}
pub(crate) use on_lanes;

/// `a * b + c`, fused where the processor can.
#[inline(always)]
pub(crate) fn madd<S: Simd, const FUSED: bool>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if FUSED {
        simd.mul_add_e_f32s(a, b, c)
    } else {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    }
}

/// The same of two numbers, for plain loops that are left to the compiler.
#[inline(always)]
pub(crate) fn plain_madd<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
