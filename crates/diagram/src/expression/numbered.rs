//! Expressions over numbered indices.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::form::{Axis, Form, Leg, Name, Style};
use crate::{Error, Result};

pub(super) fn from_ids(inputs: &[&[u32]], output: &[u32]) -> Result<Form> {
    let uses: usize = inputs.iter().map(|term| term.len()).sum::<usize>() + output.len();
    let mut form = Form {
        text: Box::default(),
        style: Style::Numbers,
        names: SmallVec::new(),
        axes: SmallVec::with_capacity(uses),
        members: Vec::new(),
        ends: SmallVec::with_capacity(inputs.len() + 1),
        sizes: Vec::new(),
        broadcast: false,
    };
    let mut numbers: HashMap<u32, u32> = HashMap::with_capacity(uses / 2);
    for &term in inputs {
        for &id in term {
            let next = form.names.len() as u32;
            let index = *numbers.entry(id).or_insert(next);
            if index == next {
                form.names.push(Name { start: id, end: id });
            }
            push(&mut form, index);
        }
        form.ends.push(form.axes.len() as u32);
    }
    let unknown = output.iter().find(|id| !numbers.contains_key(id));
    for id in output {
        let next = form.names.len() as u32;
        let index = *numbers.entry(*id).or_insert(next);
        if index == next {
            form.names.push(Name {
                start: *id,
                end: *id,
            });
        }
        push(&mut form, index);
    }
    form.ends.push(form.axes.len() as u32);
    let Some(&id) = unknown else {
        return Ok(form);
    };
    let named = |axis: &&Axis| {
        axis.index()
            .is_some_and(|index| form.names[index as usize].start == id)
    };
    let place = form.term(form.operands()).iter().find(named);
    Err(Error::UnknownOutputIndex {
        caret: form.caret(place.map_or(u32::MAX, |axis| axis.mark())),
        index: id.to_string(),
        hint: "",
    })
}

fn push(form: &mut Form, index: u32) {
    let mark = form.axes.len() as u32;
    form.axes.push(Axis::Index(Leg { index, mark }));
}
