//! Rules, errors and laws of expressions.

use proptest::prelude::*;

use super::*;
use crate::Error;

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap()
}

/// Canonical text of the expression.
fn canon(text: &str) -> String {
    parse(text).to_string()
}

fn message(text: &str) -> String {
    Expression::parse(text).unwrap_err().to_string()
}

fn bind(text: &str, shapes: &[&[usize]]) -> Bound {
    parse(text).bind(shapes).unwrap()
}

fn bind_error(text: &str, shapes: &[&[usize]]) -> String {
    parse(text).bind(shapes).unwrap_err().to_string()
}

#[test]
fn implicit_outputs_follow_numpy() {
    for (text, expected) in [
        ("ij,jk", "ij,jk->ik"),
        ("ba", "ba->ab"),
        ("ii", "ii->"),
        ("...i,i...", "...i,i...->..."),
        ("b...a", "b...a->...ab"),
        ("βα", "βα->αβ"),
        ("aB", "aB->Ba"),
        ("", "->"),
        (",", ",->"),
        ("ij,jk->", "ij,jk->"),
        (" ij , jk -> ik ", "ij,jk->ik"),
    ] {
        assert_eq!(canon(text), expected, "{text}");
    }
}

#[test]
fn named_form_needs_an_inner_blank_or_parenthesis() {
    assert_eq!(canon("row col, col out"), "row col, col out -> out row");
    assert_eq!(canon("ij, jk -> ik"), "ij,jk->ik");
    assert_eq!(canon("z y"), "z y -> y z");
    assert_eq!(canon("(ab)->(ab)"), "(ab) -> ab");
    assert_eq!(canon("( h  d )b->b h d"), "(h d) b -> b h d");
    assert_eq!(canon("... row->row..."), "... row -> row ...");
    assert_eq!(canon("x () -> x"), "x () -> x");
}

#[test]
fn syntax_errors_point_at_the_character() {
    for (text, offset, part) in [
        ("ij->k", 4, "index k of the output"),
        ("i.j->i", 1, "`.` belongs"),
        ("i-j", 1, "`-` belongs"),
        ("i>j", 1, "`>` belongs"),
        ("ij->i->j", 5, "a second `->`"),
        ("ij->i,j", 5, "one term"),
        ("......i", 3, "a second `...`"),
        ("i->...i", 3, "in no operand"),
        ("(h d->h d", 0, "without `)`"),
        ("h d)->h", 3, "without `(`"),
        ("((h) d)->h", 1, "inside parentheses"),
        ("(... d)->d", 1, "inside parentheses"),
        ("ü,é->x", 7, "index x"),
    ] {
        let error = Expression::parse(text).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(part), "{text}: {shown}");
        let caret_line = shown.lines().last().unwrap();
        let column = text[..offset].chars().count();
        assert_eq!(caret_line, format!("  {:column$}^", ""), "{text}: {shown}");
    }
    assert!(message("i j -> ij").contains("name between blanks"));
}

#[test]
fn long_expressions_are_cut_around_the_place() {
    let text = format!("{}->?", "ab,".repeat(400));
    let shown = message(&text);
    assert!(shown.len() < 400, "{shown}");
    let mut lines = shown.lines().rev();
    let caret = lines.next().unwrap().chars().count() - 1;
    assert_eq!(lines.next().unwrap().chars().nth(caret), Some('?'));
}

#[test]
fn shapes_bind_to_wires() {
    let b = bind("ij,jk->ik", &[&[2, 3], &[3, 4]]);
    assert_eq!(b.network.inputs, [[0, 1], [1, 2]]);
    assert_eq!(b.network.output, [0, 2]);
    assert_eq!(b.network.dims, [2, 3, 4]);
    assert_eq!(b.shape, [2, 4]);
    assert_eq!(
        b.operands,
        [OperandBinding::default(), OperandBinding::default()]
    );

    let b = bind("iij->ijj", &[&[2, 2, 3]]);
    assert_eq!(
        (b.network.inputs[0].as_slice(), b.network.output.as_slice()),
        (&[0, 0, 1][..], &[0, 1, 1][..])
    );
    assert_eq!(b.shape, [2, 3, 3]);
}

#[test]
fn broadcast_axes_align_right() {
    let b = bind("...ij,...jk->...ik", &[&[2, 1, 3, 4], &[5, 4, 2]]);
    assert_eq!(b.shape, [2, 5, 3, 2]);
    assert_eq!(b.network.dims, [3, 4, 2, 2, 5]);
    assert_eq!(b.network.inputs, [vec![3, 0, 1], vec![4, 1, 2]]);
    assert_eq!(b.operands[0].broadcast.as_slice(), [1]);
    assert!(b.operands[1].broadcast.is_empty());
    assert_eq!(b.wire_name(4), "...1");
    assert_eq!(bind("i...,...", &[&[2], &[]]).shape, [2]);
    assert_eq!(bind("...,...", &[&[0, 1], &[1, 1, 3]]).shape, [1, 0, 3]);
    // Without broadcast axes the output may leave `...` out.
    assert_eq!(bind("...i->i", &[&[4]]).shape, [4]);
    assert!(bind_error("...i->i", &[&[2, 4]]).contains("stands for 1 axes"));
}

#[test]
fn groups_split_and_merge() {
    let options = ExpressionOptions {
        sizes: &[("h", 2)],
        broadcast: false,
    };
    let e = Expression::parse_with("b (h d), b -> (d b) h", options).unwrap();
    let b = e.bind(&[&[3, 10], &[3]]).unwrap();
    assert_eq!(b.operands[0].split.as_deref(), Some(&[3, 2, 5][..]));
    assert_eq!(b.network.inputs[0], [0, 1, 2]);
    assert_eq!(b.network.output, [2, 0, 1]);
    assert_eq!(b.shape, [15, 2]);
    // A size told by another operand, and by another group.
    assert_eq!(bind("(h d), h -> d h", &[&[6], &[2]]).shape, [3, 2]);
    assert_eq!(
        bind("(a b), (b c), c -> a b c", &[&[24], &[12], &[3]]).shape,
        [6, 4, 3]
    );
    assert_eq!(bind("x () -> () x", &[&[7, 1]]).shape, [1, 7]);
    assert!(bind_error("(h d) -> h d", &[&[6]]).contains("index h cannot be inferred"));
    assert!(
        bind_error("(h d), h -> d", &[&[7], &[2]]).contains("cannot be divided into h = 2, d = ?")
    );
    assert!(
        bind_error("(h d), h, d -> d", &[&[7], &[2], &[3]]).contains("that is not h = 2, d = 3")
    );
    assert!(bind_error("x () -> x", &[&[7, 2]]).contains("that is not length 1"));
    assert!(bind_error("(h d), h -> d", &[&[0], &[0]]).contains("cannot be inferred"));
}

#[test]
fn given_sizes_make_new_output_indices() {
    let options = ExpressionOptions {
        sizes: &[("j", 3)],
        broadcast: false,
    };
    let e = Expression::parse_with("i->ij", options).unwrap();
    let b = e.bind(&[&[2]]).unwrap();
    assert_eq!(
        (b.shape.as_slice(), b.network.dims.as_slice()),
        (&[2, 3][..], &[2, 3][..])
    );
    let identity = Expression::parse_with("->jj", options).unwrap();
    assert_eq!(identity.bind(&[]).unwrap().shape, [3, 3]);
    let e = Expression::parse_with("i->i", options).unwrap_err();
    assert!(matches!(e, Error::UnknownIndex { .. }), "{e}");
    let e = Expression::parse_with("j->j", options).unwrap();
    let e = e.bind(&[&[4]]).unwrap_err().to_string();
    assert!(
        e.contains("index j is 3 as given but 4 in operand 1 (axis 0)"),
        "{e}"
    );
}

#[test]
fn size_errors_name_both_places() {
    let shown = bind_error("ij,jk->ik", &[&[3, 4], &[5, 2]]);
    assert_eq!(
        shown,
        "einsum \"ij,jk->ik\": index j is 4 in operand 1 (axis 1) but 5 in operand 2 (axis 0)\n\
         \x20 ij,jk->ik\n\
         \x20    ^"
    );
    assert!(bind_error("ij,jk->ik", &[&[3, 1], &[5, 2]]).contains("is 1 in operand 1"));
    assert!(
        bind_error("...i,...i->...", &[&[2, 3], &[4, 3]])
            .contains("axis 1 of `...` from the right is 2")
    );
    assert!(
        bind_error("ij,jk->ik", &[&[3, 1]]).contains("1 operands given, but the expression has 2")
    );
    assert!(bind_error("ij,jk->ik", &[&[3, 1], &[1], &[1]]).contains("3 operands given"));
    assert!(
        bind_error("ij,jk->ik", &[&[3, 4], &[4]])
            .contains("operand 2 has 1 axes (shape [4]), but its term names 2")
    );
    assert!(bind_error("i...j->i...j", &[&[3]]).contains("at least 2"));
    let huge = bind_error("i,j,k->ijk", &[&[1 << 30], &[1 << 30], &[1 << 30]]);
    assert!(huge.contains("the output has dimensions"), "{huge}");
}

#[test]
fn ones_broadcast_only_on_request() {
    let options = ExpressionOptions {
        sizes: &[],
        broadcast: true,
    };
    let e = Expression::parse_with("ij,jk->ik", options).unwrap();
    let b = e.bind(&[&[3, 1], &[5, 2]]).unwrap();
    assert_eq!(b.network.inputs, [vec![0], vec![1, 2]]);
    assert_eq!(b.network.dims, [3, 5, 2]);
    assert_eq!(b.operands[0].broadcast.as_slice(), [1]);
    assert!(e.bind(&[&[3, 4], &[5, 2]]).is_err());
}

#[test]
fn no_operands_and_operands_without_axes() {
    assert_eq!(parse("->").bind(&[]).unwrap().network.inputs.len(), 0);
    assert_eq!(parse("->").bind(&[&[]]).unwrap().network.inputs.len(), 1);
    assert_eq!(bind(",ij->ji", &[&[], &[2, 3]]).shape, [3, 2]);
    assert!(parse("i->").bind(&[]).is_err());
    let none = Expression::from_ids(&[], &[]).unwrap();
    assert_eq!(none.operands(), 0);
    assert_eq!(none.bind(&[]).unwrap().shape, [0; 0]);
}

#[test]
fn numbers_have_no_alphabet() {
    let inputs: Vec<Vec<u32>> = (0..20_000).map(|k| vec![k, k + 1]).collect();
    let terms: Vec<&[u32]> = inputs.iter().map(Vec::as_slice).collect();
    let chain = Expression::from_ids(&terms, &[0, 20_000]).unwrap();
    let shape: &[usize] = &[2, 2];
    assert_eq!(
        chain.bind(&vec![shape; 20_000]).unwrap().network.inputs[19_999],
        [19_999, 20_000]
    );
    let shown = Expression::from_ids(&[&[5, 6]], &[6, 70])
        .unwrap_err()
        .to_string();
    assert!(shown.ends_with("5 6 -> 6 70\n           ^"), "{shown}");
    let e = Expression::from_ids(&[&[5, 6], &[6]], &[5]).unwrap();
    let shown = e.bind(&[&[2, 3], &[4]]).unwrap_err().to_string();
    assert!(shown.ends_with("5 6, 6 -> 5\n       ^"), "{shown}");
    // Terms of one number each still read back as names.
    let e = Expression::from_ids(&[&[10], &[10]], &[]).unwrap();
    assert_eq!(parse(&e.to_string()), e);
}

#[test]
fn views_split_and_drop_axes() {
    let t = tensegrity_tensor::Tensor::<f64>::from_fn(&[6, 1], |i| i[0] as f64).unwrap();
    let b = bind("(h d) ..., h -> d ...", &[&[6, 1], &[2]]);
    assert_eq!(b.operands[0].view(&t.view()).unwrap().shape(), [2, 3, 1]);
    let b = bind("(h d) ..., h ... -> d ...", &[&[6, 1], &[2, 5]]);
    let seen = b.operands[0].view(&t.view()).unwrap();
    assert_eq!(seen.shape(), [2, 3]);
    assert_eq!(seen.get(&[1, 2]).unwrap(), 5.0);
    // Splitting a permuted axis copies nothing.
    let wide =
        tensegrity_tensor::Tensor::<f64>::from_fn(&[5, 6], |i| (i[0] * 6 + i[1]) as f64).unwrap();
    let b = bind("(h d) x, h -> x d", &[&[6, 5], &[2]]);
    let seen = b.operands[0]
        .view(&wide.view().permuted(&[1, 0]).unwrap())
        .unwrap();
    assert_eq!(seen.get(&[1, 2, 3]).unwrap(), 23.0);
}

const _: () = match check_expression("batch (h d), d k -> batch h k", 2) {
    Ok(()) => (),
    Err(message) => panic!("{}", message),
};

#[test]
fn compile_time_check_agrees_on_operand_counts() {
    assert!(check_expression("->", 0).is_ok());
    assert!(check_expression("->", 1).is_ok());
    assert!(check_expression("", 0).is_ok());
    assert!(check_expression("ij,jk->ik", 3).is_err());
    assert!(check_expression("ij,jk->ik", 1).is_err());
    assert!(check_expression("i->", 0).is_err());
}

/// Text that is often an expression.
fn scribble() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-d]",
        2 => Just(",".to_owned()),
        2 => Just("->".to_owned()),
        1 => Just("...".to_owned()),
        2 => Just(" ".to_owned()),
        1 => Just("(".to_owned()),
        1 => Just(")".to_owned()),
        1 => "[.>αβ→\u{2003}🦀0-]",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_an_expression_or_an_error(text in "\\PC*") {
        if let Err(error) = Expression::parse(&text) {
            prop_assert!(error.to_string().contains('^'));
        }
    }

    #[test]
    fn compile_time_check_agrees_with_parsing(text in scribble()) {
        let parsed = Expression::parse(&text);
        let terms = parsed.as_ref().map_or(text.matches(',').count() + 1, Expression::operands);
        prop_assert_eq!(check_expression(&text, terms).is_ok(), parsed.is_ok(), "{}", text);
    }

    #[test]
    fn display_parses_back(text in scribble()) {
        if let Ok(expression) = Expression::parse(&text) {
            let again = Expression::parse(&expression.to_string());
            prop_assert_eq!(again.unwrap(), expression, "{}", text);
        }
    }

    #[test]
    fn display_of_numbers_parses_back(
        inputs in prop::collection::vec(prop::collection::vec(0u32..40, 0..4), 1..4),
    ) {
        let terms: Vec<&[u32]> = inputs.iter().map(Vec::as_slice).collect();
        let output: Vec<u32> = inputs.concat().into_iter().step_by(2).collect();
        let expression = Expression::from_ids(&terms, &output).unwrap();
        prop_assert_eq!(Expression::parse(&expression.to_string()).unwrap(), expression);
    }

    #[test]
    fn binding_never_panics(
        text in scribble(),
        shapes in prop::collection::vec(prop::collection::vec(0usize..4, 0..5), 0..4),
        huge in any::<bool>(),
        broadcast in any::<bool>(),
    ) {
        let options = ExpressionOptions { sizes: &[("a", 2), ("x", 2)], broadcast };
        let parsed = Expression::parse_with(&text, options).or_else(|_| Expression::parse(&text));
        if let Ok(expression) = parsed {
            let shapes: Vec<Vec<usize>> = shapes.iter()
                .map(|s| s.iter().map(|&d| if huge && d == 3 { usize::MAX } else { d }).collect())
                .collect();
            let views: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
            match expression.bind(&views) {
                Ok(bound) => {
                    prop_assert!(bound.network.validate().is_ok());
                    prop_assert_eq!(bound.network.inputs.len(), views.len());
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
