//! Networks as text: the einsum expression in a `.tsg` header.
//!
//! Wire `k` is spelled by the `k`-th letter of a fixed alphabet (`a…z`, `A…Z`,
//! then the letters of Unicode from `À` on), so the text and the list of
//! dimensions determine the network. The alphabet is part of the format.

use tensegrity_diagram::Network;

use crate::{Error, Result};

fn alphabet() -> impl Iterator<Item = char> {
    let ascii = ('a'..='z').chain('A'..='Z');
    ascii.chain(('À'..='\u{FFFF}').filter(|letter| letter.is_alphabetic()))
}

/// The expression of `network`; `None` if it has more wires than there are letters.
pub(crate) fn spell(network: &Network) -> Option<String> {
    let letters: Vec<char> = alphabet().take(network.dims.len()).collect();
    if letters.len() < network.dims.len() {
        return None;
    }
    let term =
        |wires: &Vec<u32>| -> String { wires.iter().map(|&w| letters[w as usize]).collect() };
    let inputs: Vec<String> = network.inputs.iter().map(term).collect();
    Some(format!("{}->{}", inputs.join(","), term(&network.output)))
}

/// The network of an expression over wires of lengths `dims`.
pub(crate) fn parse(text: &str, dims: Vec<u64>) -> Result<Network> {
    if dims.len() > 1 << 14 {
        return Err(Error::damaged(format!("{} wires", dims.len())));
    }
    let letters: std::collections::HashMap<char, u32> =
        alphabet().take(dims.len()).zip(0..).collect();
    let term = |text: &str| -> Result<Vec<u32>> {
        let wire = |letter| {
            letters.get(&letter).copied().ok_or_else(|| {
                Error::damaged(format!("index {letter:?} of the diagram has no dimension"))
            })
        };
        text.chars().map(wire).collect()
    };
    let (inputs, output) = text
        .split_once("->")
        .ok_or_else(|| Error::damaged("the diagram has no \"->\""))?;
    let inputs: Result<Vec<_>> = inputs.split(',').map(term).collect();
    let network = Network {
        inputs: inputs?,
        output: term(output)?,
        dims,
    };
    network
        .validate()
        .map_err(|error| Error::damaged(error.to_string()))?;
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_network_are_inverse() {
        for (text, wires) in [("abc,da,eb->dec", 5u64), (",->a", 1), ("aab->b", 2)] {
            let network = parse(text, (2..2 + wires).collect()).unwrap();
            assert_eq!(spell(&network).unwrap(), text);
        }
        let wires: Vec<u32> = (0..300).collect();
        let network = Network {
            inputs: wires.iter().map(|&w| vec![w]).collect(),
            output: vec![],
            dims: vec![2; 300],
        };
        let back = parse(&spell(&network).unwrap(), network.dims.clone()).unwrap();
        assert_eq!(back, network);
    }

    #[test]
    fn hostile_text_is_an_error() {
        for text in ["", "ab", "ab->z", "a b->a", "->\u{0}"] {
            assert!(parse(text, vec![2, 3]).is_err(), "{text:?}");
        }
        assert!(parse("ab->", vec![u64::MAX, 2]).is_err());
    }
}
