//! Many products of one shape.

use tensegrity_tensor::parallel_for;

use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::product::product;

/// Multiplications worth handing to a thread at once.
const GROUP: usize = 1 << 19;

/// The first product of a batch and the way to the next.
pub(crate) struct Batch<'a, T> {
    pub(crate) count: usize,
    pub(crate) a: Operand<'a, T>,
    pub(crate) b: Operand<'a, T>,
    pub(crate) c: Target<'a, T>,
    /// Batch strides of `a`, `b`, `c`.
    pub(crate) steps: [isize; 3],
}

/// `c ← alpha·a·b + beta·c` for every item.
pub(crate) fn product_batched<T: Kernel>(alpha: T, mut batch: Batch<'_, T>, beta: T) {
    if batch.count == 0 {
        return;
    }
    if batch.fold_rows() || batch.fold_columns() {
        return product(alpha, batch.a, batch.b, beta, batch.c);
    }
    let work = batch.c.rows * batch.c.columns * batch.a.columns.max(1);
    let group = (GROUP / work.max(1)).clamp(1, batch.count);
    let groups = batch.count.div_ceil(group);
    let run = |number: usize| {
        for item in number * group..((number + 1) * group).min(batch.count) {
            let (a, b, c) = batch.item(item);
            product(alpha, a, b, beta, c);
        }
    };
    if groups < 4 {
        // Few large products: each spreads its own tiles.
        (0..groups).for_each(run);
    } else {
        parallel_for(groups, run);
    }
}

impl<'a, T: Kernel> Batch<'a, T> {
    fn item(&self, item: usize) -> (Operand<'a, T>, Operand<'a, T>, Target<'a, T>) {
        let item = item as isize;
        let (mut a, mut b) = (self.a, self.b);
        // SAFETY: the whole of `c` as a block, moved to an item below `count`;
        // items do not overlap each other, and every item is borrowed for 'a.
        unsafe {
            let mut c = self.c.block(0..self.c.rows, 0..self.c.columns);
            a.pointer = a.pointer.offset(item * self.steps[0]);
            b.pointer = b.pointer.offset(item * self.steps[1]);
            c.pointer = c.pointer.offset(item * self.steps[2]);
            (a, b, c)
        }
    }

    /// Turns the batch into more rows of one product if `b` repeats.
    fn fold_rows(&mut self) -> bool {
        let rows = self.a.rows as isize;
        let folds = self.steps[1] == 0
            && self.steps[0] == rows * self.a.row_stride
            && self.steps[2] == rows * self.c.row_stride;
        if folds {
            self.a.rows *= self.count;
            self.c.rows *= self.count;
        }
        folds
    }

    /// Turns the batch into more columns of one product if `a` repeats.
    fn fold_columns(&mut self) -> bool {
        let columns = self.b.columns as isize;
        let folds = self.steps[0] == 0
            && self.steps[1] == columns * self.b.column_stride
            && self.steps[2] == columns * self.c.column_stride;
        if folds {
            self.b.columns *= self.count;
            self.c.columns *= self.count;
        }
        folds
    }
}
