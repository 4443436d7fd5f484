//! One table of operations; every entry is checked to third order, in reverse
//! and forward mode, for every element type, and for its errors.

mod check;

use check::{OpSpec, Range, check};
use tensegrity_grad::{Result, Variable, Window, concat, einsum, stack};

type Inputs<'a> = &'a [Variable];

/// Short for an operation on real arguments of given shapes.
fn op(name: &'static str, shapes: &[&[usize]], f: fn(Inputs<'_>) -> Result<Variable>) -> OpSpec {
    OpSpec::new(name, shapes, f)
}

#[test]
fn arithmetic() {
    let s: &[usize] = &[2, 3];
    check(op("neg", &[s], |x| x[0].neg()).complex());
    check(op("add", &[s, &[3]], |x| x[0].add(&x[1])).complex());
    check(op("sub", &[&[2, 1], &[3]], |x| x[0].sub(&x[1])).complex());
    check(op("mul", &[s, &[2, 1]], |x| x[0].mul(&x[1])).complex());
    check(op("mul_self", &[s], |x| x[0].mul(&x[0])).complex());
    check(
        op("div", &[s, &[1, 3]], |x| x[0].div(&x[1]))
            .complex()
            .range(Range::Positive),
    );
    check(op("square", &[s], |x| x[0].square()).complex());
    check(
        op("recip", &[s], |x| x[0].recip())
            .complex()
            .range(Range::Positive),
    );
    check(op("scale", &[s], |x| x[0].scale(-1.7)).complex());
    check(op("shift", &[s], |x| x[0].shift(0.3)?.square()).complex());
    check(op("cube", &[s], |x| x[0].powf(3.0)).complex());
    check(op("powf -2.5", &[s], |x| x[0].powf(-2.5)).range(Range::Positive));
    check(op("powf 0.3", &[s], |x| x[0].powf(0.3)).range(Range::Positive));
    check(op("power", &[s, s], |x| x[0].power(&x[1])).range(Range::Positive));
}

#[test]
fn transcendental() {
    let s: &[usize] = &[4];
    check(op("exp", &[s], |x| x[0].exp()).complex());
    check(op("log", &[s], |x| x[0].log()).range(Range::Positive));
    check(op("sqrt", &[s], |x| x[0].sqrt()).range(Range::Positive));
    check(op("sin", &[s], |x| x[0].sin()));
    check(op("cos", &[s], |x| x[0].cos()));
    check(op("tan", &[s], |x| x[0].tan()));
    check(op("sinh", &[s], |x| x[0].sinh()).complex());
    check(op("cosh", &[s], |x| x[0].cosh()).complex());
    check(op("tanh", &[s], |x| x[0].tanh()));
}

#[test]
fn activations() {
    let s: &[usize] = &[5];
    check(op("sigmoid", &[s], |x| x[0].sigmoid()));
    check(op("relu", &[s], |x| x[0].relu()?.mul(&x[0])));
    check(op("gelu", &[s], |x| x[0].gelu()));
    check(op("silu", &[s], |x| x[0].silu()));
    check(op("softplus", &[s], |x| x[0].softplus()));
    check(op("abs", &[s], |x| x[0].abs()?.mul(&x[0])).complex());
}

#[test]
fn parts_of_complex_numbers() {
    let s: &[usize] = &[3];
    check(op("conj", &[s], |x| x[0].conj()?.mul(&x[0].square()?)).complex());
    check(op("re", &[s], |x| x[0].square()?.re()).complex());
    check(op("im", &[s], |x| x[0].mul(&x[0])?.im()).only_complex());
    check(op("abs2", &[s], |x| x[0].abs2()?.square()).complex());
    check(
        op("complex from real", &[s], |x| {
            x[0].cast(tensegrity_tensor::DType::C128)?.exp()?.mul(&x[0])
        })
        .widens(),
    );
}

#[test]
fn choices() {
    let s: &[usize] = &[2, 3];
    check(op("minimum", &[s, s], |x| x[0].minimum(&x[1])?.square()));
    check(op("maximum", &[s, &[3]], |x| x[0].maximum(&x[1])?.square()));
    check(op("select", &[s, s, s], |x| {
        x[0].less(&x[1])?.select(&x[1].square()?, &x[2].mul(&x[0])?)
    }));
    check(op("less_equal", &[s, s], |x| {
        x[0].less_equal(&x[1])?.mul(&x[0])?.square()
    }));
    check(op("equal", &[s, s], |x| {
        x[0].equal(&x[1])?.add(&x[0])?.square()
    }));
}

#[test]
fn reductions() {
    let s: &[usize] = &[2, 3, 2];
    check(op("sum", &[s], |x| x[0].square()?.sum(&[0, 2])).complex());
    check(op("sum_all", &[s], |x| x[0].square()?.sum_all()).complex());
    check(op("mean", &[s], |x| x[0].square()?.mean(&[1])).complex());
    check(op("max", &[s], |x| x[0].max(&[1])?.square()));
    check(op("min", &[s], |x| x[0].min(&[0, 2])?.square()));
    check(op("prod", &[s], |x| x[0].prod(1)).complex());
    check(op("prod 5", &[&[5]], |x| x[0].prod(0)));
    check(op("logsumexp", &[s], |x| x[0].logsumexp(&[1])));
    check(op("softmax", &[s], |x| x[0].softmax(&[2])));
    check(op("log_softmax", &[s], |x| x[0].log_softmax(&[0, 1])));
}

#[test]
fn normalisations() {
    check(op("layer_norm", &[&[2, 4], &[4], &[4]], |x| {
        x[0].layer_norm(&[1], &x[1], &x[2], 1e-3)
    }));
    check(op("rms_norm", &[&[2, 4], &[4]], |x| {
        x[0].rms_norm(&[1], &x[1], 1e-3)
    }));
}

#[test]
fn shapes() {
    let s: &[usize] = &[2, 3];
    check(op("reshape", &[s], |x| x[0].reshape(&[3, 2])?.square()).complex());
    check(
        op("permute", &[&[2, 3, 2]], |x| {
            x[0].permute(&[2, 0, 1])?.square()
        })
        .complex(),
    );
    check(
        op("transpose", &[s], |x| {
            x[0].transpose()?.mul(&x[0].reshape(&[3, 2])?)
        })
        .complex(),
    );
    check(
        op("broadcast_to", &[&[2, 1]], |x| {
            x[0].square()?.broadcast_to(&[3, 2, 4])
        })
        .complex(),
    );
    check(op("crop", &[&[3, 4]], |x| x[0].crop(&[1..3, 0..2])?.square()).complex());
    check(op("slice", &[&[3, 4]], |x| x[0].slice(1, 1..3)?.square()).complex());
    check(op("pad", &[s], |x| x[0].pad(&[(1, 0), (2, 1)])?.square()).complex());
    check(
        op("concat", &[s, &[2, 1]], |x| {
            concat(&[&x[0], &x[1], &x[0]], 1)?.square()
        })
        .complex(),
    );
    check(op("stack", &[s, s], |x| stack(&[&x[0], &x[1]], 1)?.square()).complex());
}

#[test]
fn indices() {
    check(
        op("gather", &[&[3, 2]], |x| {
            x[0].gather(0, [2, 0, 2, 1])?.square()
        })
        .complex(),
    );
    check(
        op("gather inner", &[&[2, 3]], |x| {
            x[0].gather(1, [1, 1])?.square()
        })
        .complex(),
    );
    check(
        op("scatter_add", &[&[2, 4]], |x| {
            x[0].scatter_add(1, [0, 2, 0, 4], 5)?.square()
        })
        .complex(),
    );
    check(
        op("segment_sum", &[&[4, 2]], |x| {
            x[0].segment_sum([1, 0, 1, 1], 3)?.square()
        })
        .complex(),
    );
}

#[test]
fn contractions() {
    let s: &[usize] = &[2, 3];
    check(op("matmul", &[s, &[3, 2]], |x| x[0].matmul(&x[1])).complex());
    check(
        op("matmul batch", &[&[2, 2, 3], &[3, 2]], |x| {
            x[0].matmul(&x[1])
        })
        .complex(),
    );
    check(
        op("matmul vector", &[s, &[3]], |x| {
            x[0].matmul(&x[1])?.square()
        })
        .complex(),
    );
    check(
        op("einsum cp", &[s, &[2, 3], &[4, 3]], |x| {
            einsum("ir,jr,kr->ijk", &[&x[0], &x[1], &x[2]])
        })
        .complex(),
    );
    // A wire on one operand only becomes a broadcast of the cotangent.
    check(
        op("einsum lonely", &[&[2, 3], &[2, 4]], |x| {
            einsum("ij,ik->i", &[&x[0], &x[1]])
        })
        .complex(),
    );
    // A repeated leg becomes an embedded diagonal.
    check(
        op("einsum diagonal", &[&[3, 3, 2], &[2, 2]], |x| {
            einsum("iij,jk->ik", &[&x[0], &x[1]])
        })
        .complex(),
    );
    check(
        op("einsum trace", &[&[3, 3]], |x| {
            einsum("ij,jk,ki->", &[&x[0], &x[0], &x[0]])
        })
        .complex(),
    );
    // A repeated output leg takes the diagonal of the cotangent.
    check(
        op("einsum embedded", &[&[3], &[3, 2]], |x| {
            einsum("i,ij->iij", &[&x[0], &x[1]])
        })
        .complex(),
    );
    check(
        op(
            "einsum hyperedge",
            &[&[2, 3, 2], &[3, 2, 2], &[2, 2, 2], &[2]],
            |x| einsum("abx,bcx,cax,x->x", &[&x[0], &x[1], &x[2], &x[3]]),
        )
        .complex(),
    );
    check(
        op("einsum ellipsis", &[&[2, 1, 2, 3], &[2, 3, 2]], |x| {
            einsum("...ij,...jk->...ik", &[&x[0], &x[1]])
        })
        .complex(),
    );
    check(
        op("einsum one", &[&[2, 3, 2]], |x| {
            einsum("iji->j", &[&x[0]])?.square()
        })
        .complex(),
    );
}

#[test]
fn convolutions() {
    check(
        op("conv1d", &[&[2, 2, 5], &[3, 2, 2]], |x| {
            x[0].conv1d(
                &x[1],
                Window {
                    stride: 2,
                    padding: 1,
                    dilation: 1,
                },
            )
        })
        .complex(),
    );
    check(
        op("conv2d", &[&[1, 2, 4, 5], &[2, 2, 2, 3]], |x| {
            let rows = Window {
                dilation: 2,
                ..Window::default()
            };
            x[0].conv2d(
                &x[1],
                rows,
                Window {
                    padding: 1,
                    ..Window::default()
                },
            )
        })
        .complex(),
    );
    check(
        op("windows", &[&[2, 5]], |x| {
            x[0].windows(1, 3, Window::default())?.square()
        })
        .complex(),
    );
}

#[test]
fn transforms() {
    check(op("fft", &[&[2, 3, 2]], |x| x[0].fft(1)?.abs2()).complex());
    check(
        op("fft last", &[&[2, 5]], |x| x[0].square()?.fft(1))
            .complex()
            .widens(),
    );
    check(
        op("ifft", &[&[4]], |x| x[0].ifft(0)?.square())
            .complex()
            .widens(),
    );
}

#[test]
fn the_transform_is_that_of_the_definition() -> Result<()> {
    let n = 6;
    let signal: Vec<f64> = (0..n)
        .map(|j| (j as f64 * 0.7).sin() + 0.1 * j as f64)
        .collect();
    let tensor = tensegrity_tensor::Tensor::from_vec(signal.clone(), &[n])?;
    let y = Variable::constant(tensor).fft(0)?;
    let found = y.value().typed::<tensegrity_tensor::c128>()?.as_slice();
    for (k, found) in found.iter().enumerate() {
        let (mut re, mut im) = (0.0, 0.0);
        for (j, x) in signal.iter().enumerate() {
            let (s, c) = (-2.0 * std::f64::consts::PI * (j * k) as f64 / n as f64).sin_cos();
            (re, im) = (re + x * c, im + x * s);
        }
        assert!((found.re - re).abs() < 1e-14 && (found.im - im).abs() < 1e-14);
    }
    let back = y.ifft(0)?.re()?;
    for (a, b) in back.values()?.iter().zip(&signal) {
        assert!((a - b).abs() < 1e-15 * 6.0);
    }
    Ok(())
}
