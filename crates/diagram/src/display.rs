//! Diagrams as text.

use std::fmt;

use crate::node::Payload;
use crate::{Diagram, Node, Port, Variance, WireId};

/// One line for the type, one a node:
///
/// ```
/// use tensegrity_diagram::{Diagram, Generator};
/// let mut d = Diagram::new();
/// let (i, j, k) = (d.wire(3), d.wire(3), d.named_wire("axis", 3));
/// d.input("u", 0, &[i])?;
/// d.input("v", 1, &[j])?;
/// d.generator(Generator::LeviCivita { n: 3 }, &[i, j, k])?;
/// d.set_cod(&[k])?;
/// assert_eq!(
///     d.to_string(),
///     "1 → axis:3\n  u  a         input 0\n  v  b         input 1\n  ε  a b axis  levi_civita\n  sum a:3 b:3\n"
/// );
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
impl fmt::Display for Diagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.wire_labels();
        writeln!(
            f,
            "{} → {}",
            self.boundary(&self.dom, &labels),
            self.boundary(&self.cod, &labels)
        )?;
        let name = |node: &Node| format!("{}{}", node.name, if node.conj { "*" } else { "" });
        let legs = |node: &Node| {
            let legs: Vec<&str> = node
                .legs
                .iter()
                .map(|w| labels[w.index()].as_str())
                .collect();
            legs.join(" ")
        };
        let width = |text: &dyn Fn(&Node) -> String| {
            let lengths = self.nodes.iter().map(|n| text(n).chars().count());
            lengths.max().unwrap_or(0)
        };
        let (names, columns) = (width(&name), width(&legs));
        for node in &self.nodes {
            let kind = match &node.payload {
                Payload::Input(slot) => format!("input {}", slot.0),
                Payload::Const(array) => format!("constant {}", array.dtype()),
                Payload::Lazy(op) => format!("lazy {}", op.name()),
                Payload::Generator(generator) => generator.kind().to_owned(),
            };
            let (name, legs) = (name(node), legs(node));
            writeln!(f, "  {name:names$}  {legs:columns$}  {kind}")?;
        }
        self.write_sums(f, &labels)
    }
}

impl Diagram {
    /// A short unique label for each wire: its name, or letters in order.
    pub(crate) fn wire_labels(&self) -> Vec<String> {
        let mut taken: std::collections::BTreeSet<String> = self
            .wires
            .iter()
            .filter_map(|w| w.name.as_deref().map(str::to_owned))
            .collect();
        let mut fresh = (0..).map(letters);
        self.wires
            .iter()
            .map(|wire| match &wire.name {
                Some(name) => name.to_string(),
                None => {
                    let label = fresh
                        .by_ref()
                        .find(|label| !taken.contains(label))
                        .expect("letters never run out");
                    taken.insert(label.clone());
                    label
                }
            })
            .collect()
    }

    fn boundary(&self, ports: &[Port], labels: &[String]) -> String {
        if ports.is_empty() {
            return "1".to_owned();
        }
        let port = |port: &Port| {
            let wire = port.wire.index();
            let tag = match &port.variance {
                Variance::Plain => String::new(),
                tag => format!(" ({tag})"),
            };
            format!("{}:{}{tag}", labels[wire], self.wires[wire].dim)
        };
        ports.iter().map(port).collect::<Vec<_>>().join(" ")
    }

    /// The wires summed over, in the order of the nodes that carry them.
    fn write_sums(&self, f: &mut fmt::Formatter<'_>, labels: &[String]) -> fmt::Result {
        let mut open = vec![false; self.wires.len()];
        for port in self.cod.iter().chain(&self.dom) {
            open[port.wire.index()] = true;
        }
        let summed: Vec<String> = (0..self.wires.len())
            .filter(|&w| !open[w])
            .map(|w| format!("{}:{}", labels[w], self.wires[w].dim))
            .collect();
        if summed.is_empty() {
            return Ok(());
        }
        writeln!(f, "  sum {}", summed.join(" "))
    }
}

/// a, b, …, z, aa, ab, …
fn letters(mut number: usize) -> String {
    let mut text = Vec::new();
    loop {
        text.push(b'a' + (number % 26) as u8);
        if number < 26 {
            break;
        }
        number = number / 26 - 1;
    }
    text.reverse();
    text.into_iter().map(char::from).collect()
}

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
