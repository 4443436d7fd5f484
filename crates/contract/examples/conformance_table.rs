//! Prints the conformance table as JSON: one object a line with the
//! expression, the shape and memory order of every operand, the shape of the
//! result and whether NumPy accepts the expression, for comparing other
//! implementations on the same cases.
//!
//! `cargo run -p tensegrity-contract --example conformance_table > table.jsonl`

#[path = "../tests/generator/mod.rs"]
mod generator;

#[allow(clippy::print_stdout)]
fn main() {
    for case in generator::cases::cases(2024, 600) {
        let result: Vec<usize> = case.output.iter().map(|&w| case.dims[w as usize]).collect();
        let orders: Vec<&str> = case.orders.iter().map(|order| order.name()).collect();
        println!(
            "{}",
            serde_json::json!({
                "expression": case.expression,
                "shapes": case.shapes,
                "orders": orders,
                "result": result,
                "numpy": case.numpy,
            })
        );
    }
}
