//! What an answer says of the edit that made it.

use crate::engine::random::MotionId;
use crate::generate::edit::{Between, Move, React, Task, Window};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a result came from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edited {
    /// The result that was edited; `None` where the motion came from files.
    pub parent: Option<MotionId>,
    /// Which of its samples.
    pub sample: usize,
    /// What was done.
    pub task: Task,
}

impl Edited {
    /// The edit as its request spells it, everything resolved.
    pub fn to_json(&self) -> Value {
        let mut value = task(&self.task);
        if let Value::Object(members) = &mut value {
            members.insert("sample".to_owned(), self.sample.into());
        }
        value
    }

    /// What kind of edit it was, as its request spells it.
    pub fn kind(&self) -> &'static str {
        match self.task {
            Task::Window(_) => "window",
            Task::React(_) => "react",
            Task::Between(_) => "between",
            Task::Extend(_) => "extend",
            Task::Vary(_) => "vary",
            Task::Move(_) => "move",
        }
    }
}

fn task(task: &Task) -> Value {
    match task {
        Task::Window(Window { frames, persons, parts, blend }) => {
            let persons: Vec<usize> = (1..=2).filter(|person| persons[person - 1]).collect();
            let parts: Vec<&str> = parts.names().collect();
            json!({"kind": "window", "from": frames.start, "to": frames.end, "persons": persons, "parts": parts, "blend": blend})
        }
        Task::React(React { kept, role }) => json!({"kind": "react", "person": kept + 1, "role": role + 1}),
        Task::Between(Between { first, middle, last }) => {
            json!({"kind": "between", "first": first, "middle": middle, "last": last})
        }
        Task::Extend(timeline) => {
            let stretches: Vec<Value> = timeline
                .iter()
                .map(|stretch| json!({"prompt": stretch.prompt, "frames": stretch.frames}))
                .collect();
            json!({"kind": "extend", "timeline": stretches})
        }
        Task::Vary(share) => json!({"kind": "vary", "share": share}),
        Task::Move(Move { person, shift, turn, frames }) => {
            json!({"kind": "move", "person": person + 1, "shift": shift, "turn": turn, "from": frames.start, "to": frames.end})
        }
    }
}
