use super::*;
use crate::engine::fake;
use crate::generate::Tokens;
use crate::generate::edit::{Between, Move, React, Stretch, Task, Window};
use crate::motion::kinematics::tests::walk;
use crate::motion::{BodyParts, Person};

/// A result of `frames` frames, two samples.
fn parent(frames: usize) -> Parent {
    Parent::of(&fake::finished(frames, 2), 1).unwrap()
}

fn edit(body: &str) -> RawEdit {
    RawEdit::from_json(body.as_bytes()).unwrap()
}

fn task(body: &str, frames: usize) -> Task {
    edit(body).validate(parent(frames)).unwrap().work.task
}

#[track_caller]
fn refused(body: &str, frames: usize, code: &str) {
    let error = edit(body).validate(parent(frames)).expect_err(body);
    assert_eq!(error.code(), code, "{body}: {error}");
}

#[test]
fn what_is_left_out_is_the_parents() {
    let valid = edit(r#"{"kind":"window","from":10,"to":21,"seed":5}"#).validate(parent(88)).unwrap();
    assert_eq!((valid.sample, valid.model), (1, None));
    let how = &valid.work.how;
    assert_eq!((how.prompt.as_str(), how.frames, how.seed, how.samples), ("two people walk", 88, 5, 1));
    assert!(how.foot_fix && how.rigid);
    assert_eq!(
        valid.work.task,
        Task::Window(Window { frames: 8..24, persons: [true; 2], parts: BodyParts::ALL, blend: 12 })
    );
    let said = edit(r#"{"kind":"vary","prompt":" they bow "}"#).validate(parent(88)).unwrap();
    assert_eq!((said.work.how.prompt.as_str(), said.work.task), ("they bow", Task::Vary(0.4)));
}

#[test]
fn every_kind_is_resolved() {
    assert_eq!(
        task(r#"{"kind":"window","from":0,"to":88,"persons":[2],"parts":["arms"],"blend":0}"#, 88),
        Task::Window(Window {
            frames: 0..88,
            persons: [false, true],
            parts: BodyParts::named(["arms"]).unwrap(),
            blend: 0
        })
    );
    assert_eq!(task(r#"{"kind":"react"}"#, 88), Task::React(React { kept: 0, role: 0 }));
    assert_eq!(task(r#"{"kind":"react","person":2,"role":1}"#, 88), Task::React(React { kept: 1, role: 0 }));
    let between = task(r#"{"kind":"between","first":30,"last":17}"#, 88);
    assert_eq!(between, Task::Between(Between { first: 32, middle: 36, last: 20 }));
    let between = task(r#"{"kind":"between","first":30,"last":30,"middle":90}"#, 88);
    assert_eq!(between.result_frames(88), 32 + 92 + 32);
    let extend = task(
        r#"{"kind":"extend","timeline":[{"prompt":"they bow","seconds":2.8},{"prompt":"they walk","frames":99}]}"#,
        88,
    );
    let stretch = |prompt: &str, frames| Stretch { prompt: prompt.into(), frames };
    assert_eq!(extend, Task::Extend(vec![stretch("they bow", 84), stretch("they walk", 96)]));
    let moved = task(r#"{"kind":"move","person":2,"shift":[0.3,-1],"turn":90,"from":20,"to":40}"#, 88);
    assert_eq!(moved, Task::Move(Move { person: 1, shift: [0.3, -1.0], turn: 90.0, frames: 20..40 }));
}

#[test]
fn what_cannot_be_is_named() {
    for (body, code) in [
        (r#"{"from":0,"to":8}"#, "missing_field"),
        (r#"{"kind":"twist"}"#, "invalid_kind"),
        (r#"{"kind":"window","to":8}"#, "missing_field"),
        (r#"{"kind":"window","from":8,"to":8}"#, "invalid_window"),
        (r#"{"kind":"window","from":-4,"to":8}"#, "invalid_window"),
        (r#"{"kind":"window","from":80,"to":89}"#, "invalid_window"),
        (r#"{"kind":"window","from":0,"to":8,"persons":[]}"#, "invalid_persons"),
        (r#"{"kind":"window","from":0,"to":8,"persons":[3]}"#, "invalid_persons"),
        (r#"{"kind":"window","from":0,"to":8,"parts":["tail"]}"#, "invalid_parts"),
        (r#"{"kind":"window","from":0,"to":8,"parts":[]}"#, "invalid_parts"),
        (r#"{"kind":"window","from":0,"to":8,"blend":33}"#, "invalid_blend"),
        (r#"{"kind":"window","from":0,"to":8,"share":0.5}"#, "unknown_field"),
        (r#"{"kind":"window","from":0,"to":8,"prompt":""}"#, "invalid_prompt"),
        (r#"{"kind":"window","from":0,"to":8,"steps":65}"#, "invalid_steps"),
        (r#"{"kind":"react","person":0}"#, "invalid_person"),
        (r#"{"kind":"react","role":3}"#, "invalid_role"),
        (r#"{"kind":"between","first":30}"#, "missing_field"),
        (r#"{"kind":"between","first":0,"last":30}"#, "invalid_between"),
        (r#"{"kind":"between","first":60,"last":60}"#, "invalid_between"),
        (r#"{"kind":"between","first":44,"last":44}"#, "invalid_between"),
        (r#"{"kind":"between","first":40,"last":40,"middle":224}"#, "invalid_between"),
        (r#"{"kind":"extend"}"#, "missing_field"),
        (r#"{"kind":"extend","timeline":[]}"#, "invalid_timeline"),
        (r#"{"kind":"extend","timeline":[{"prompt":"a"}]}"#, "invalid_timeline"),
        (r#"{"kind":"extend","timeline":[{"prompt":"a","frames":8}]}"#, "invalid_timeline"),
        (r#"{"kind":"extend","timeline":[{"prompt":"a","seconds":1e300}]}"#, "invalid_timeline"),
        (r#"{"kind":"extend","timeline":[{"prompt":"a","seconds":3,"frames":90}]}"#, "invalid_timeline"),
        (r#"{"kind":"extend","timeline":[{"frames":90}]}"#, "invalid_prompt"),
        (r#"{"kind":"extend","prompt":"a","timeline":[{"prompt":"a","frames":90}]}"#, "unknown_field"),
        (r#"{"kind":"vary","share":0}"#, "invalid_share"),
        (r#"{"kind":"move"}"#, "missing_field"),
        (r#"{"kind":"move","person":3}"#, "invalid_person"),
        (r#"{"kind":"move","person":1,"shift":[11,0]}"#, "invalid_shift"),
        (r#"{"kind":"move","person":1,"turn":361}"#, "invalid_turn"),
        (r#"{"kind":"move","person":1,"from":40,"to":20}"#, "invalid_window"),
        (r#"{"kind":"move","person":1,"seed":4}"#, "unknown_field"),
    ] {
        refused(body, 88, code);
    }
    let long = r#"{"prompt":"a","seconds":8},"#.repeat(12);
    let long = format!("{{\"kind\":\"extend\",\"timeline\":[{}]}}", long.trim_end_matches(','));
    refused(&long, 88, "clip_too_long");
    for body in [r#"{"kind":"vary"}"#, r#"{"kind":"react"}"#, r#"{"kind":"between","first":30,"last":30}"#] {
        refused(body, 304, "clip_too_long");
    }
    assert!(matches!(task(r#"{"kind":"window","from":290,"to":304}"#, 304), Task::Window(_)));
    refused(r#"{"kind":"window","from":0,"to":304}"#, 304, "invalid_window");
    // A model that holds 300 frames would see nothing, or too little, of what is beside these.
    for (body, most) in [
        (r#"{"kind":"window","from":120,"to":420}"#, 276),
        (r#"{"kind":"window","from":120,"to":400}"#, 276),
        (r#"{"kind":"window","from":0,"to":292}"#, 276),
        (r#"{"kind":"window","from":120,"to":360,"blend":32}"#, 236),
        (r#"{"kind":"window","from":120,"to":408,"blend":0}"#, 284),
    ] {
        refused(body, 600, "invalid_window");
        let error = edit(body).validate(parent(600)).unwrap_err().to_string();
        assert!(error.contains(&format!("at most {most} frames")), "{error}");
    }
    for body in [
        r#"{"kind":"window","from":120,"to":360}"#,
        r#"{"kind":"window","from":120,"to":396}"#,
        r#"{"kind":"window","from":0,"to":288}"#,
        r#"{"kind":"window","from":4,"to":280}"#,
        r#"{"kind":"window","from":312,"to":600}"#,
        r#"{"kind":"window","from":120,"to":356,"blend":32}"#,
        r#"{"kind":"window","from":120,"to":404,"blend":0}"#,
    ] {
        assert!(edit(body).validate(parent(600)).is_ok(), "{body}");
    }
    assert!(matches!(task(r#"{"kind":"window","from":0,"to":300}"#, 300), Task::Window(_)));
}

fn short(person: &Person, frames: usize) -> Person {
    Person { positions: person.positions[..frames].to_vec(), rotations: person.rotations[..frames].to_vec() }
}

#[test]
fn people_from_files() {
    let person = walk(50);
    let alone = Parent::of_persons(vec![person.clone()]).unwrap();
    assert!(alone.alone && alone.source.motion.frames() == 48);
    let [first, other] = &alone.source.motion.persons;
    // The other's place: a metre in front, face to face.
    let at = |person: &Person, joint: usize| person.positions[0][joint];
    let (a, b) = (at(first, 0), at(other, 0));
    let gap = [b[0] - a[0], b[2] - a[2]];
    assert!((gap[0].hypot(gap[1]) - 1.0).abs() < 1e-4);
    let across = [at(first, 1)[0] - at(first, 2)[0], at(first, 1)[2] - at(first, 2)[2]];
    assert!((gap[0] * across[0] + gap[1] * across[1]).abs() < 0.02, "neither left nor right");
    let toes = at(first, 10)[0] - at(first, 7)[0];
    let toes = [toes, at(first, 10)[2] - at(first, 7)[2]];
    assert!(gap[0] * toes[0] + gap[1] * toes[1] > 0.0, "in front, where the toes point");

    let asked = edit(r#"{"kind":"vary","prompt":"a"}"#).validate(alone.clone()).unwrap_err();
    assert_eq!(asked.code(), "invalid_files");
    assert_eq!(edit(r#"{"kind":"react"}"#).validate(alone.clone()).unwrap_err().code(), "invalid_prompt");
    assert!(edit(r#"{"kind":"react","prompt":"they bow","role":2}"#).validate(alone).is_ok());

    let code = |persons| Parent::of_persons(persons).unwrap_err().code();
    assert_eq!(code(vec![short(&person, 15)]), "motion_too_short");
    assert_eq!(code(vec![person.clone(), short(&person, 40)]), "persons_differ_in_length");
    assert_eq!(code(vec![walk(1804)]), "clip_too_long");
    assert_eq!(Parent::of_files(&[]).unwrap_err().code(), "invalid_files");
    assert_eq!(Parent::of_files(&[b"hello".to_vec()]).unwrap_err().code(), "not_a_motion");
    assert_eq!(Parent::of(&fake::finished(16, 2), 2).unwrap_err().code(), "invalid_sample");
}

#[test]
fn tokens_of_another_length_are_none() {
    let tokens = |length: usize| Tokens::new(vec![1; 10 * length]);
    let parent = || Parent::of_persons(vec![walk(48), walk(48)]).unwrap();
    assert!(parent().with_tokens(tokens(12)).source.tokens.is_some());
    assert!(parent().with_tokens(tokens(11)).source.tokens.is_none());
}

#[test]
fn answers_say_what_was_done() {
    let task = task(r#"{"kind":"window","from":10,"to":21,"persons":[2],"parts":["arms","legs"]}"#, 88);
    let said = Edited { parent: None, sample: 1, task }.to_json();
    let expected = serde_json::json!({"kind": "window", "sample": 1, "from": 8, "to": 24, "persons": [2],
        "parts": ["legs", "arms"], "blend": 12});
    assert_eq!(said, expected);
    // What is said is what can be asked for again.
    let body = r#"{"kind":"move","person":2,"shift":[0.3,-1.0],"turn":90.0,"from":20,"to":40}"#;
    let again = Edited { parent: None, sample: 0, task: self::task(body, 88) }.to_json();
    assert_eq!(self::task(&again.to_string(), 88), self::task(body, 88));
}
