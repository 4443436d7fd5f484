//! The formats graph6 and digraph6 of B. D. McKay: one graph a line, in printable bytes.

use super::Graph;
use crate::{Error, Result};

const HEADERS: [&str; 2] = [">>graph6<<", ">>digraph6<<"];

/// Reads every graph of a text in graph6 (undirected) or digraph6 (lines that
/// start with `&`); the optional headers and empty lines are skipped.
///
/// ```
/// use tensegrity_symmetry::graph::parse_graph6;
/// let graphs = parse_graph6("Bw\nDQc\n")?;
/// assert_eq!((graphs[0].n(), graphs[0].edge_count()), (3, 3));
/// assert_eq!((graphs[1].n(), graphs[1].edge_count()), (5, 4));
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parse`] with the byte for characters outside `?` to `~`, lines too
/// short or too long for their number of vertices, set bits beyond the last
/// edge, and sparse6; [`Error::TooLarge`] for too many vertices.
pub fn parse_graph6(text: &str) -> Result<Vec<Graph>> {
    let mut graphs = Vec::new();
    let mut start = 0;
    for (number, raw) in text.split('\n').enumerate() {
        let line = raw.trim_end_matches('\r');
        let skipped = HEADERS
            .iter()
            .find(|h| line.starts_with(**h))
            .map_or(0, |h| h.len());
        if !line[skipped..].trim().is_empty() {
            graphs.push(parse_line(
                &line.as_bytes()[skipped..],
                start + skipped,
                number + 1,
            )?);
        }
        start += raw.len() + 1;
    }
    Ok(graphs)
}

fn parse_line(line: &[u8], start: usize, number: usize) -> Result<Graph> {
    let wrong = |place: usize, problem: String| Error::Parse {
        what: "graph6",
        position: start + place,
        problem: format!("line {number}: {problem}"),
    };
    if matches!(line[0], b':' | b';') {
        return Err(wrong(0, "this is sparse6; convert it to graph6".into()));
    }
    let directed = line[0] == b'&';
    let body = usize::from(directed);
    if let Some(place) = (body..line.len()).find(|&i| !(63..=126).contains(&line[i])) {
        let byte = line[place];
        return Err(wrong(
            place,
            format!("byte {byte} is none of the characters `?` to `~` (63 to 126)"),
        ));
    }
    let six = |place: usize| u64::from(line[place] - 63);
    let short = |needed: usize| {
        wrong(
            line.len(),
            format!("the line ends after {} bytes of {needed}", line.len()),
        )
    };
    let digits = |from: usize, count: usize| -> Result<u64> {
        if line.len() < from + count {
            return Err(short(from + count));
        }
        Ok((from..from + count).fold(0, |sum, place| (sum << 6) | six(place)))
    };
    let (n, bits) = match line.get(body..) {
        Some([126, 126, ..]) => (digits(body + 2, 6)?, body + 8),
        Some([126, ..]) => (digits(body + 1, 3)?, body + 4),
        _ => (digits(body, 1)?, body + 1),
    };
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    // Its limit on n keeps the counts below in range.
    Graph::new(n, directed)?;
    let pairs: Box<dyn Iterator<Item = (usize, usize)>> = if directed {
        Box::new((0..n).flat_map(move |i| (0..n).map(move |j| (i, j))))
    } else {
        Box::new((1..n).flat_map(|j| (0..j).map(move |i| (i, j))))
    };
    let count = if directed { n * n } else { n * (n - 1) / 2 };
    let needed = bits + count.div_ceil(6);
    if line.len() < needed {
        return Err(short(needed));
    }
    if line.len() > needed {
        let more = line.len() - needed;
        return Err(wrong(
            needed,
            format!("{more} bytes too many for {n} vertices"),
        ));
    }
    let bit = |place: usize| six(bits + place / 6) >> (5 - place % 6) & 1 == 1;
    if (count..6 * count.div_ceil(6)).any(bit) {
        return Err(wrong(
            needed - 1,
            "bits beyond the last edge are set".into(),
        ));
    }
    let edges: Vec<_> = pairs
        .enumerate()
        .filter(|&(place, _)| bit(place))
        .map(|(_, e)| e)
        .collect();
    Graph::from_edges(n, &edges, directed)
}

/// The graph in graph6, or in digraph6 if it is directed; no end of line.
///
/// # Errors
/// [`Error::Argument`] for colours, and for a loop of an undirected graph: the
/// format has no place for them.
pub fn to_graph6(graph: &Graph) -> Result<String> {
    let n = graph.n();
    let looped = !graph.is_directed() && (0..n).any(|i| graph.has_edge(i, i));
    if looped || !graph.is_plain() {
        return Err(Error::Argument {
            name: "graph",
            problem: "graph6 keeps neither colours nor loops; write an edge list".into(),
        });
    }
    let mut out = String::from(if graph.is_directed() { "&" } else { "" });
    let mut push = |six: usize| out.push(char::from(63 + six as u8));
    if n <= 62 {
        push(n);
    } else {
        push(63);
        (0..3).rev().for_each(|place| push(n >> (6 * place) & 63));
    }
    let bits: Vec<bool> = if graph.is_directed() {
        (0..n * n).map(|e| graph.has_edge(e / n, e % n)).collect()
    } else {
        (1..n)
            .flat_map(|j| (0..j).map(move |i| (i, j)))
            .map(|(i, j)| graph.has_edge(i, j))
            .collect()
    };
    for six in bits.chunks(6) {
        let value = (0..6).fold(0, |sum, i| 2 * sum + usize::from(six.get(i) == Some(&true)));
        push(value);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (usize, String) {
        match parse_graph6(text) {
            Err(Error::Parse {
                position, problem, ..
            }) => (position, problem),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn the_example_of_the_format_description() {
        // McKay's description: n = 5, edges 0-2, 0-4, 1-3, 3-4 is DQc.
        let graph = &parse_graph6(">>graph6<<DQc\r\n").unwrap()[0];
        let edges: Vec<_> = graph.edges().map(|(i, j, _)| (i, j)).collect();
        assert_eq!(edges, [(0, 2), (0, 4), (1, 3), (3, 4)]);
        // And digraph6: n = 5, edges 0-2, 0-4, 3-1, 3-4 is &DI?AO?.
        let graph = &parse_graph6(">>digraph6<<&DI?AO?").unwrap()[0];
        let edges: Vec<_> = graph.edges().map(|(i, j, _)| (i, j)).collect();
        assert_eq!(edges, [(0, 2), (0, 4), (3, 1), (3, 4)]);
        assert_eq!(to_graph6(graph).unwrap(), "&DI?AO?");
    }

    #[test]
    fn text_and_graph_come_back() {
        for n in [1, 2, 5, 62, 63, 100] {
            let graph = Graph::cycle(n).unwrap();
            let text = to_graph6(&graph).unwrap();
            assert_eq!(parse_graph6(&text).unwrap(), [graph]);
        }
    }

    #[test]
    fn garbage_is_refused_with_its_place() {
        assert_eq!(refused("DQc\nDQ").0, 6);
        assert!(refused("DQc\nDQ").1.contains("line 2"));
        assert!(refused("DQcc").1.contains("1 bytes too many"));
        let (position, problem) = refused("D c");
        assert!(position == 1 && problem.contains("byte 32"));
        assert!(refused(":Fa@x^").1.contains("sparse6"));
        assert!(refused("~").1.contains("ends after"));
        assert!(refused("&").1.contains("ends after"));
        assert!(refused("A@").1.contains("beyond the last edge"));
        assert!(refused("Dé").1.contains("byte 195"));
        assert!(parse_graph6("?").is_err(), "a graph without vertices");
        assert!(matches!(
            parse_graph6("~~~~~~~~"),
            Err(Error::TooLarge { .. })
        ));
        assert!(parse_graph6("").unwrap().is_empty());
    }
}
