//! Buttons and menus under a message (docs: Component Reference).

use bot_core::message::layout::Button;
use serde_json::{Value, json};

/// Five rows of five buttons.
pub(crate) const BUTTONS_MAX: usize = 25;
/// Discord allows 80 on a button; two are kept for the tick of what is chosen.
pub(crate) const LABEL_CHARACTERS_MAX: usize = 78;
const ROWS_MAX: usize = 5;
const ROW_BUTTONS_MAX: usize = 5;
/// More answers than this are easier to find in a menu than among buttons.
const ANSWERS_AS_BUTTONS_MAX: usize = 10;

/// The `components` of a message.
pub(crate) fn components(buttons: &[Button]) -> Value {
    let (steps, answers): (Vec<&Button>, Vec<&Button>) = buttons.iter().partition(|button| button.step);
    let step_rows = steps.len().div_ceil(ROW_BUTTONS_MAX);
    // As few beside each other as there is room for: long answers stay readable on a telephone.
    let beside = (1..=ROW_BUTTONS_MAX).find(|beside| answers.len().div_ceil(*beside) + step_rows <= ROWS_MAX);
    let mut rows: Vec<Value> = match beside {
        _ if answers.len() > ANSWERS_AS_BUTTONS_MAX => vec![json!({ "type": 1, "components": [select(&answers)] })],
        Some(beside) => answers.chunks(beside).map(row).collect(),
        // Only rows that are full hold them all.
        None => {
            let all: Vec<&Button> = answers.into_iter().chain(steps).collect();
            return all.chunks(ROW_BUTTONS_MAX).map(row).collect();
        }
    };
    rows.extend(steps.chunks(ROW_BUTTONS_MAX).map(row));
    Value::Array(rows)
}

fn row(buttons: &[&Button]) -> Value {
    let buttons = buttons.iter().map(|button| {
        // Style: green what is chosen, grey a step, blue an answer; the tick says it without colour.
        let style = match (button.chosen, button.step) {
            (true, _) => 3,
            (_, true) => 2,
            _ => 1,
        };
        json!({ "type": 2, "style": style, "label": label(button), "custom_id": button.token.0 })
    });
    json!({ "type": 1, "components": buttons.collect::<Vec<_>>() })
}

/// A menu offers 25 entries (the same limit as five rows of buttons).
fn select(answers: &[&Button]) -> Value {
    let options: Vec<Value> =
        answers.iter().map(|answer| json!({ "label": label(answer), "value": answer.token.0 })).collect();
    // The first token is this question's own, so the menu's id is unique in its message and stable.
    let id = answers.first().map(|answer| format!("{MENU_PREFIX}{}", answer.token.0)).unwrap_or_default();
    json!({ "type": 3, "custom_id": id, "options": options, "min_values": 1, "max_values": 1 })
}

/// Tells a menu's id from a button's token.
const MENU_PREFIX: &str = "menu.";

fn label(button: &Button) -> String {
    let label: String =
        button.label.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    // An empty label is refused by Discord.
    let label = if label.trim().is_empty() { "…" } else { label.trim() };
    if button.chosen { format!("✓ {label}") } else { label.to_owned() }
}

#[cfg(test)]
mod tests {
    use bot_core::action::ActionToken;

    use super::*;

    fn buttons(answers: usize, steps: usize) -> Vec<Button> {
        let button = |number: usize, step| Button {
            label: format!("choix {number}"),
            token: ActionToken(format!("t{number}")),
            chosen: number == 1,
            step,
        };
        (0..answers)
            .map(|number| button(number, false))
            .chain((0..steps).map(|number| button(100 + number, true)))
            .collect()
    }

    fn shape(answers: usize, steps: usize) -> Vec<usize> {
        let rows = components(&buttons(answers, steps));
        rows.as_array().unwrap().iter().map(|row| row["components"].as_array().unwrap().len()).collect()
    }

    #[test]
    fn answers_stand_one_below_the_other_while_there_is_room() {
        assert_eq!(shape(3, 0), [1, 1, 1]);
        assert_eq!(shape(4, 2), [1, 1, 1, 1, 2]);
        assert_eq!(shape(5, 1), [2, 2, 1, 1]);
        assert_eq!(shape(10, 3), [3, 3, 3, 1, 3]);
        assert_eq!(shape(11, 2), [1, 2], "a menu and the steps");
        assert_eq!(shape(0, 0), [0; 0]);
        for answers in 0..=BUTTONS_MAX {
            let shape = shape(answers, BUTTONS_MAX - answers);
            assert!(shape.len() <= ROWS_MAX && shape.iter().all(|row| *row <= ROW_BUTTONS_MAX), "{answers}: {shape:?}");
        }
    }

    #[test]
    fn what_is_chosen_is_ticked() {
        let rows = components(&buttons(2, 0));
        assert_eq!(rows[1]["components"][0]["label"], "✓ choix 1");
        assert_eq!(rows[1]["components"][0]["style"], 3);
        assert_eq!(rows[0]["components"][0]["custom_id"], "t0");
    }
}
