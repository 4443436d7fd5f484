//! Draws the usual tensor networks into a folder:
//! `cargo run -p tensegrity-diagram --example gallery -- FOLDER`.

use std::path::Path;

use tensegrity_diagram::draw::{self, DrawOptions};
use tensegrity_diagram::{Diagram, Error, Generator, Space, WireId};
use tensegrity_tensor::SplitMix64;

/// A tensor train over axes of the given sizes and names.
fn tensor_train(axes: &[(&str, u64)], ranks: &[u64]) -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let bonds: Vec<WireId> = ranks.iter().map(|&r| d.wire(r)).collect();
    let mut open = Vec::new();
    for (k, &(name, size)) in axes.iter().enumerate() {
        let axis = if name.is_empty() {
            d.wire(size)
        } else {
            d.named_wire(name, size)
        };
        open.push(axis);
        let mut legs = vec![axis];
        if k > 0 {
            legs.insert(0, bonds[k - 1]);
        }
        legs.extend(bonds.get(k));
        d.input(&format!("G{}", k + 1), k as u32, &legs)?;
    }
    d.set_cod(&open)?;
    Ok(d)
}

fn tucker(axes: &[(&str, u64)], ranks: &[u64]) -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let inner: Vec<WireId> = ranks.iter().map(|&r| d.wire(r)).collect();
    let outer: Vec<WireId> = axes
        .iter()
        .map(|&(name, n)| d.named_wire(name, n))
        .collect();
    d.input("core", 0, &inner)?;
    for k in 0..axes.len() {
        d.input(&format!("U{}", k + 1), k as u32 + 1, &[outer[k], inner[k]])?;
    }
    d.set_cod(&outer)?;
    Ok(d)
}

fn canonical_polyadic(axes: &[(&str, u64)], rank: u64) -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let r = d.wire(rank);
    let outer: Vec<WireId> = axes
        .iter()
        .map(|&(name, n)| d.named_wire(name, n))
        .collect();
    for (k, &axis) in outer.iter().enumerate() {
        d.input(
            &char::from(b'A' + k as u8).to_string(),
            k as u32,
            &[axis, r],
        )?;
    }
    d.input("λ", axes.len() as u32, &[r])?;
    d.set_cod(&outer)?;
    Ok(d)
}

fn ring(sizes: &[u64], rank: u64) -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let bonds: Vec<WireId> = sizes.iter().map(|_| d.wire(rank)).collect();
    let open: Vec<WireId> = sizes.iter().map(|&n| d.wire(n)).collect();
    for k in 0..sizes.len() {
        let legs = [bonds[k], open[k], bonds[(k + 1) % sizes.len()]];
        d.input(&format!("Z{}", k + 1), k as u32, &legs)?;
    }
    d.set_cod(&open)?;
    Ok(d)
}

fn random(tensors: usize, bonds: usize, seed: u64) -> Result<Diagram, Error> {
    let mut rng = SplitMix64::new(seed);
    let mut d = Diagram::new();
    let mut legs = vec![Vec::new(); tensors];
    for k in 0..bonds {
        let a = if k + 1 < tensors {
            k + 1
        } else {
            rng.below(tensors as u64) as usize
        };
        let b = rng.below(if k + 1 < tensors {
            a as u64
        } else {
            tensors as u64
        }) as usize;
        let wire = d.wire(2 << rng.below(6));
        legs[a].push(wire);
        legs[b].push(wire);
    }
    let mut open = Vec::new();
    for k in 0..3 {
        let wire = d.named_wire(["batch", "head", "key"][k], 32);
        legs[k * tensors / 3].push(wire);
        open.push(wire);
    }
    for (k, legs) in legs.iter().enumerate() {
        d.input(&format!("T{k}"), k as u32, legs)?;
    }
    d.set_cod(&open)?;
    Ok(d)
}

/// A square lattice (projected entangled pairs).
fn lattice(width: usize, height: usize) -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let mut legs = vec![Vec::new(); width * height];
    let mut open = Vec::new();
    for v in 0..width * height {
        if v % width + 1 < width {
            let wire = d.wire(4);
            legs[v].push(wire);
            legs[v + 1].push(wire);
        }
        if v / width + 1 < height {
            let wire = d.wire(4);
            legs[v].push(wire);
            legs[v + width].push(wire);
        }
        let site = d.wire(2);
        legs[v].push(site);
        open.push(site);
    }
    for (v, legs) in legs.iter().enumerate() {
        d.input(&format!("P{v}"), v as u32, legs)?;
    }
    d.set_cod(&open)?;
    Ok(d)
}

/// A binary tree over `leaves` axes.
fn hierarchical(leaves: usize, rank: u64) -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let mut slot = 0;
    let mut level: Vec<WireId> = Vec::new();
    let mut open = Vec::new();
    for k in 0..leaves {
        let (axis, up) = (d.wire(10), d.wire(rank));
        d.input(&format!("U{}", k + 1), slot, &[axis, up])?;
        slot += 1;
        open.push(axis);
        level.push(up);
    }
    while level.len() > 1 {
        let root = level.len() == 2;
        let mut next = Vec::new();
        for pair in level.chunks(2) {
            let mut legs = pair.to_vec();
            if !root {
                let up = d.wire(rank);
                legs.push(up);
                next.push(up);
            }
            d.input("B", slot, &legs)?;
            slot += 1;
        }
        level = next;
    }
    d.set_cod(&open)?;
    Ok(d)
}

/// A train with a factor on every core, and the same as an operator.
fn train_of_factors(operator: bool) -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let bonds: Vec<WireId> = (0..4).map(|k| d.wire(3 + k)).collect();
    let (mut open, mut inputs) = (Vec::new(), Vec::new());
    for k in 0..5 {
        let mut legs = Vec::new();
        if k > 0 {
            legs.push(bonds[k - 1]);
        }
        legs.extend(bonds.get(k));
        let inner = d.wire(8);
        legs.push(inner);
        if operator {
            let input = d.wire(8);
            legs.push(input);
            inputs.push(input);
            open.push(inner);
        } else {
            let axis = d.wire(64);
            d.input(&format!("U{k}"), 10 + k as u32, &[axis, inner])?;
            open.push(axis);
        }
        d.input(&format!("W{k}"), k as u32, &legs)?;
    }
    d.set_cod(&open)?;
    d.set_dom(&inputs)?;
    Ok(d)
}

/// Loops, several bonds, a summed leg, a scalar, an identity, a cross product.
fn oddities() -> Result<Diagram, Error> {
    let mut d = Diagram::new();
    let (i, j, k, l) = (d.wire(4), d.wire(16), d.wire(128), d.wire(1));
    let (s, out) = (d.wire(9), d.named_wire("very long axis name", 1000));
    d.input("trace & <co>", 0, &[i, i, j, k, l, out])?;
    d.input("B", 1, &[j, k, l, s])?;
    d.set_cod(&[out])?;
    let mut cross = Diagram::new();
    let (a, b, c) = (cross.wire(3), cross.wire(3), cross.wire(3));
    cross.input("u", 2, &[a])?;
    let v = cross.input("v", 3, &[b])?;
    cross.set_conj(v, true);
    cross.generator(Generator::LeviCivita { n: 3 }, &[a, b, c])?;
    cross.set_cod(&[c])?;
    let copy = Diagram::spider(&Space::plain(5), 1, 2);
    let number = Diagram::scalar(tensegrity_tensor::c128::new(0.25, 0.0));
    let id = Diagram::id(&Space::list(&[7]));
    d.tensor(&cross)?
        .tensor(&copy)?
        .tensor(&number)?
        .tensor(&id)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("name a folder to draw into")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let astronaut = [("height", 512), ("width", 512), ("colour", 3)];
    let four = [("x", 32), ("y", 32), ("z", 32), ("time", 100)];
    let eight: Vec<(&str, u64)> = vec![("", 4); 8];
    let long: Vec<(&str, u64)> = vec![("", 4); 20];
    for (name, diagram) in [
        ("train3", tensor_train(&astronaut, &[40, 3])?),
        (
            "train8",
            tensor_train(&eight, &[4, 16, 64, 256, 64, 16, 4])?,
        ),
        ("train20", tensor_train(&long, &[12; 19])?),
        ("tucker3", tucker(&astronaut, &[60, 58, 3])?),
        ("tucker4", tucker(&four, &[8, 8, 8, 20])?),
        ("cp3", canonical_polyadic(&astronaut, 25)?),
        ("cp4", canonical_polyadic(&four, 300)?),
        ("ring6", ring(&[10, 12, 14, 16, 18, 20], 5)?),
        ("ring3", ring(&[10, 12, 14], 5)?),
        ("random12", random(12, 18, 3)?),
        ("random12b", random(12, 24, 8)?),
        ("random30", random(30, 45, 5)?),
        ("lattice", lattice(4, 3)?),
        ("tree8", hierarchical(8, 6)?),
        ("factors", train_of_factors(false)?),
        ("operator", train_of_factors(true)?),
        ("odd", oddities()?),
        ("empty", Diagram::new()),
    ] {
        let options = DrawOptions::default();
        std::fs::write(
            folder.join(format!("{name}.svg")),
            draw::svg(&diagram, &options),
        )?;
        std::fs::write(folder.join(format!("{name}.dot")), draw::dot(&diagram))?;
    }
    let labels: Vec<String> = (0..12).map(|k| format!("T{k}")).collect();
    let merges = [
        (0, 1),
        (2, 3),
        (12, 13),
        (4, 5),
        (6, 7),
        (15, 16),
        (14, 17),
        (8, 9),
        (18, 19),
        (10, 20),
        (11, 21),
    ];
    let costs: Vec<f64> = (0..merges.len())
        .map(|k| 10f64.powf(2.0 + 0.7 * k as f64))
        .collect();
    std::fs::write(
        folder.join("order12.svg"),
        draw::tree_svg(&labels, &merges, &costs)?,
    )?;
    Ok(())
}
