//! A plan for people.

use std::fmt;

use tensegrity_tensor::{DType, row_major};

use crate::pair::Choice;
use crate::{Count, Plan, Program, Result, StepReport, Tree};

/// What a plan does, step by step.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The whole as an expression.
    pub expression: String,
    /// The steps, in order.
    pub steps: Vec<StepExplanation>,
    /// Why no kernels are shown, if they are not.
    pub without_kernels: Option<String>,
    summary: String,
}

/// One step of a plan.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepExplanation {
    /// For example `ab,bc->ac`; axes as they lie in memory if kernels are known.
    pub expression: String,
    /// Elements of left operand, right operand (1 if there is none) and result.
    pub elements: [Count; 3],
    /// Multiply-adds.
    pub flops: Count,
    /// Bytes of intermediates and result alive during the step.
    pub alive_bytes: Count,
    /// The most bytes alive so far.
    pub peak_bytes: Count,
    /// How the step is computed.
    pub kernel: Option<Choice>,
}

impl Plan {
    /// Explains the plan for row-major operands of the element type its
    /// element size suggests (f32, f64 or c128), wires named by letters.
    ///
    /// # Errors
    /// Those of [`Program::compile`], but not that an intermediate is too
    /// large: then the explanation says so and shows no kernels.
    pub fn explain(&self) -> Result<Explanation> {
        self.explain_named(self.likely_dtype(), |wire| {
            letters(wire, self.network().dims.len())
        })
    }

    /// As [`Plan::explain`], for an element type and names of wires.
    ///
    /// # Errors
    /// As [`Plan::explain`].
    pub fn explain_named(&self, dtype: DType, name: impl Fn(u32) -> String) -> Result<Explanation> {
        let network = self.network();
        let names: Vec<String> = (0..network.dims.len() as u32).map(name).collect();
        let (reports, without_kernels) = match self.reports(dtype) {
            Ok(reports) => (Some(reports), None),
            Err(crate::Error::Tensor(error)) => (None, Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let text = Naming {
            blanks: names.iter().any(|n| n.chars().count() != 1),
            names,
        };
        let terms = network.inputs.iter().map(|term| text.term(term));
        let expression = text.expression(&terms.collect::<Vec<_>>(), &network.output);
        let mut steps = self.steps(&text);
        for (step, report) in steps.iter_mut().zip(reports.iter().flatten()) {
            let mut operands = vec![text.term(&report.left)];
            if self.network().inputs.len() > 1 {
                operands.push(text.term(&report.right));
            }
            step.expression = text.expression(&operands, &report.result);
            step.kernel = Some(report.choice.clone());
        }
        Ok(Explanation {
            expression,
            steps,
            without_kernels,
            summary: self.summary(),
        })
    }

    /// The kernel of each step on row-major operands of the element type the
    /// element size suggests.
    pub(crate) fn explain_kernels(&self) -> Option<Vec<Choice>> {
        let reports = self.reports(self.likely_dtype()).ok()?;
        Some(reports.into_iter().map(|report| report.choice).collect())
    }

    /// What compiling for row-major operands says of each step.
    fn reports(&self, dtype: DType) -> Result<Vec<StepReport>> {
        let network = self.network();
        let strides_of = |term: &Vec<u32>| {
            let dims = term.iter().map(|&w| network.dims[w as usize] as usize);
            row_major(&dims.collect::<Vec<_>>())
        };
        let strides: Vec<_> = network.inputs.iter().map(strides_of).collect();
        let strides: Vec<&[isize]> = strides.iter().map(|s| s.as_slice()).collect();
        let output = strides_of(&network.output);
        let (_, reports) = Program::explain(network, self.pairs(), &strides, &output, dtype)?;
        Ok(reports)
    }

    fn likely_dtype(&self) -> DType {
        match self.element_bytes() {
            4 => DType::F32,
            16 => DType::C128,
            _ => DType::F64,
        }
    }

    /// The steps without kernels.
    fn steps(&self, text: &Naming) -> Vec<StepExplanation> {
        let network = self.network();
        let operands = network.inputs.len();
        let bytes = |elements: Count| elements.times(self.element_bytes());
        let tree = Tree::build(network, self.pairs());
        let mut alive: Vec<usize> = Vec::new();
        let mut peak = Count::ZERO;
        let mut steps = Vec::with_capacity(self.pairs().len().max(1));
        for (step, &(left, right)) in self.pairs().iter().enumerate() {
            let result = operands + step;
            alive.push(result);
            let now = alive
                .iter()
                .fold(Count::ZERO, |sum, &t| sum.plus(tree.size(t)));
            peak = peak.larger(now);
            alive.retain(|&t| t != left && t != right);
            let terms = [left, right].map(|t| text.term(tree.wires(t)));
            let last = step + 1 == self.pairs().len();
            let wires = if last {
                network.output.as_slice()
            } else {
                tree.wires(result)
            };
            steps.push(StepExplanation {
                expression: text.expression(&terms, wires),
                elements: [left, right, result].map(|t| tree.size(t)),
                flops: tree.flops(step),
                alive_bytes: bytes(now),
                peak_bytes: bytes(peak),
                kernel: None,
            });
        }
        if steps.is_empty() {
            let one = Count::from(1);
            let write = self.cost().write;
            let terms: Vec<String> = network.inputs.iter().map(|t| text.term(t)).collect();
            let read = network.inputs.first().map_or(one, |_| tree.size(0));
            steps.push(StepExplanation {
                expression: text.expression(&terms, &network.output),
                elements: [read, one, write],
                flops: self.cost().flops,
                alive_bytes: bytes(write),
                peak_bytes: bytes(write),
                kernel: None,
            });
        }
        steps
    }

    fn summary(&self) -> String {
        let cost = self.cost();
        let from = self.provenance();
        format!(
            "{} operands, {} wires; planner {}, minimize {}\n\
             flops {} (10^{:.2}), largest result {} (2^{:.2}), written {}, peak {} bytes, \
             predicted {:.3e} s",
            self.network().inputs.len(),
            self.network().dims.len(),
            from.planner,
            from.minimize,
            cost.flops,
            cost.flops.log10(),
            cost.size,
            cost.size.log2(),
            cost.write,
            cost.peak.times(self.element_bytes()),
            cost.seconds,
        )
    }
}

/// A letter for the first 52 wires, then numbers, if there are more wires than letters.
fn letters(wire: u32, wires: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if wires > LETTERS.len() {
        return format!("w{wire}");
    }
    char::from(LETTERS[wire as usize]).to_string()
}

struct Naming {
    names: Vec<String>,
    /// Names are longer than one character.
    blanks: bool,
}

impl Naming {
    fn term(&self, wires: &[u32]) -> String {
        let names: Vec<&str> = wires
            .iter()
            .map(|&w| self.names[w as usize].as_str())
            .collect();
        names.join(if self.blanks { " " } else { "" })
    }

    fn expression(&self, terms: &[String], output: &[u32]) -> String {
        let (comma, arrow) = if self.blanks {
            (", ", " -> ")
        } else {
            (",", "->")
        };
        format!("{}{arrow}{}", terms.join(comma), self.term(output))
    }
}

/// A table: number, expression, sizes, flops, memory, kernel.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: usize = 60;
        let short = |text: &str| -> String {
            if text.chars().count() <= WIDEST {
                return text.to_owned();
            }
            text.chars().take(WIDEST - 1).chain(['…']).collect()
        };
        writeln!(f, "{}", short(&self.expression))?;
        writeln!(f, "{}", self.summary)?;
        let width = self
            .steps
            .iter()
            .map(|s| short(&s.expression).chars().count())
            .max();
        let width = width.unwrap_or(0).max(10);
        writeln!(
            f,
            "{:>5}  {:<width$}  {:>10}  {:>10}  {:>10}  {:>10}  {:>11}  kernel",
            "step", "expression", "left", "right", "result", "flops", "peak bytes"
        )?;
        for (number, step) in self.steps.iter().enumerate() {
            let [left, right, result] = step.elements;
            write!(
                f,
                "{number:>5}  {:<width$}  {left:>10}  {right:>10}  {result:>10}  {:>10}  {:>11}  ",
                short(&step.expression),
                step.flops,
                step.peak_bytes,
            )?;
            match &step.kernel {
                Some(kernel) => writeln!(f, "{kernel}")?,
                None => writeln!(f, "-")?,
            }
        }
        if let Some(reason) = &self.without_kernels {
            writeln!(f, "kernels are not chosen: {reason}")?;
        }
        Ok(())
    }
}
