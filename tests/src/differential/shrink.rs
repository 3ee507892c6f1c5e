//! Makes a case that differs smaller.

use super::program::{Case, Op};

/// Cases that are a little smaller, the smallest first.
#[must_use]
pub fn smaller(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let count = case.ops.len();
    let mut length = count / 2;
    while length >= 1 {
        for from in (0..count).step_by(length) {
            all.push(without(case, from, (from + length).min(count)));
        }
        length /= 2;
    }
    if case.resize.is_some() {
        all.push(Case { resize: None, ..case.clone() });
    }
    let end = case.bytes().len();
    for cut in [0, end] {
        if case.cut != cut {
            all.push(Case { cut, ..case.clone() });
        }
    }
    for (at, op) in case.ops.iter().enumerate() {
        for op in simpler(op) {
            let mut case = case.clone();
            case.ops[at] = op;
            all.push(case);
        }
    }
    all
}

/// The cut stays between the same operations, if it can.
fn without(case: &Case, from: usize, to: usize) -> Case {
    let length = |ops: &[Op]| {
        let mut bytes = Vec::new();
        ops.iter().for_each(|op| op.encode(&mut bytes));
        bytes.len()
    };
    let (begin, end) = (length(&case.ops[..from]), length(&case.ops[..to]));
    let cut = if case.cut <= begin { case.cut } else { begin + case.cut.saturating_sub(end) };
    let resize = case.resize.map(|(ops, size)| (if ops <= from { ops } else { from + ops.saturating_sub(to) }, size));
    let ops = [&case.ops[..from], &case.ops[to..]].concat();
    Case { ops, cut, resize, ..case.clone() }
}

fn simpler(op: &Op) -> Vec<Op> {
    match op {
        Op::Text(text) => {
            let characters: Vec<char> = text.chars().collect();
            let count = characters.len();
            let mut all = Vec::new();
            let mut length = count / 2;
            while length >= 1 {
                for from in (0..count).step_by(length) {
                    let left: String =
                        characters[..from].iter().chain(&characters[(from + length).min(count)..]).collect();
                    all.push(Op::Text(left));
                }
                length /= 2;
            }
            all.truncate(24);
            all
        }
        Op::String(begin, text, end) if !text.is_empty() => {
            vec![
                Op::String(begin.clone(), String::new(), end.clone()),
                Op::String(begin.clone(), "t".into(), end.clone()),
            ]
        }
        Op::Csi(private, parameters, intermediates, last) if !parameters.is_empty() => {
            let mut all: Vec<Op> = (0..parameters.len())
                .map(|at| {
                    let mut left = parameters.clone();
                    left.remove(at);
                    Op::Csi(private.clone(), left, intermediates.clone(), *last)
                })
                .collect();
            if parameters.iter().any(|parameter| parameter.len() > 1) && !matches!(last, b'h' | b'l' | b'm') {
                let small = vec!["2".into(); parameters.len()];
                all.push(Op::Csi(private.clone(), small, intermediates.clone(), *last));
            }
            all
        }
        _ => Vec::new(),
    }
}
