//! Edge lists: one edge a line.

use super::Graph;
use crate::{Error, Result};

/// Reads an edge list: a line has two vertices and maybe a colour (1 unless
/// given), separated by blanks, tabs or commas; a line with one vertex only
/// says that it exists; `#` and `%` start comments. Vertices are numbered from
/// zero; there are `n` of them, or one more than the largest number named.
///
/// ```
/// use tensegrity_symmetry::graph::parse_edge_list;
/// let paw = parse_edge_list("# a triangle with a tail\n0 1\n1,2\n0 2\n2 3", None, false)?;
/// assert_eq!((paw.n(), paw.edge_count()), (4, 4));
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parse`] with the byte of what is not a number, of a line of more
/// than three numbers, of a vertex beyond `n` and of a colour of zero;
/// [`Error::Argument`] for an edge with two colours or a text without vertices.
pub fn parse_edge_list(text: &str, n: Option<usize>, directed: bool) -> Result<Graph> {
    let mut edges = Vec::new();
    let mut largest = None;
    let mut start = 0;
    for (number, line) in text.split('\n').enumerate() {
        let wrong = |place: usize, problem: String| Error::Parse {
            what: "an edge list",
            position: start + place,
            problem: format!("line {}: {problem}", number + 1),
        };
        let content = line.split(['#', '%']).next().unwrap_or_default();
        let mut numbers: Vec<(usize, u32)> = Vec::new();
        let separators = |c: char| c.is_whitespace() || c == ',' || c == ';';
        for word in content.split(separators).filter(|word| !word.is_empty()) {
            let place = word.as_ptr() as usize - line.as_ptr() as usize;
            let value = word.parse().map_err(|_| {
                wrong(
                    place,
                    format!("`{word}` is not a whole number from 0 to {}", u32::MAX),
                )
            })?;
            numbers.push((place, value));
        }
        if numbers.len() > 3 {
            let problem = "an edge is two vertices and maybe a colour".into();
            return Err(wrong(numbers[3].0, problem));
        }
        for &(place, vertex) in numbers.iter().take(2) {
            if let Some(n) = n.filter(|&n| vertex as usize >= n) {
                return Err(wrong(
                    place,
                    format!("there is no vertex {vertex} among {n}"),
                ));
            }
            largest = largest.max(Some(vertex as usize));
        }
        if let [(_, i), (_, j), rest @ ..] = &numbers[..] {
            let colour = rest.first().map_or(1, |&(_, colour)| colour);
            if colour == 0 {
                return Err(wrong(
                    rest[0].0,
                    "colour 0 means no edge; count from 1".into(),
                ));
            }
            edges.push((*i as usize, *j as usize, colour));
        }
        start += line.len() + 1;
    }
    let n = match (n, largest) {
        (Some(n), _) => n,
        (None, Some(largest)) => largest + 1,
        (None, None) => {
            return Err(Error::Argument {
                name: "edge list",
                problem: "it names no vertex; give edges as lines `0 1`".into(),
            });
        }
    };
    Graph::from_coloured_edges(n, &edges, directed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_colours_and_lone_vertices_are_read() {
        let graph = parse_edge_list("0 1\t2\r\n\n3 % alone\n1;2\n", None, true).unwrap();
        assert_eq!(graph.n(), 4);
        assert_eq!(graph.edges().collect::<Vec<_>>(), [(0, 1, 2), (1, 2, 1)]);
        assert_eq!(parse_edge_list("", Some(3), false).unwrap().n(), 3);
    }

    #[test]
    fn garbage_is_refused_with_its_place() {
        for (text, place) in [
            ("0 1\n1 x", 6),
            ("0 -1", 2),
            ("0 1 1 1", 6),
            ("0 1 0", 4),
            ("0 7", 2),
        ] {
            match parse_edge_list(text, Some(5), false) {
                Err(Error::Parse { position, .. }) => assert_eq!(position, place, "{text:?}"),
                other => panic!("{text:?} gave {other:?}"),
            }
        }
        assert!(parse_edge_list("# nothing", None, false).is_err());
        assert!(parse_edge_list("0 4000000000", None, false).is_err());
        assert!(parse_edge_list("0 1 1\n1 0 2", None, false).is_err());
    }
}
