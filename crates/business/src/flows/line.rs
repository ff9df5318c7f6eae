//! The order of a flow's screens: one line from the first to the last. A form has no branches.

use serde_json::Value;

use super::problem::{Kind, Problems};
use super::screen::Screen;
use super::spot::Spot;

/// The screens in the order in which they are filled in; `None` when they are no line, which is said.
pub(super) fn order(root: &Spot<'_>, screens: &[Screen<'_>], problems: &mut Problems) -> Option<Vec<usize>> {
    let before = problems.len();
    ends(root, screens, problems);
    let at = |id: &str| screens.iter().position(|it| it.id == id);
    let mut next = vec![None; screens.len()];
    for (index, screen) in screens.iter().enumerate() {
        let Some(button) = &screen.button else { continue };
        let Some(wanted) = button.next else { continue };
        next[index] = at(wanted);
        match next[index] {
            None => problems.add(Kind::Next, &button.spot, format!("There is no screen '{wanted}'.")),
            Some(it) if it == index => {
                problems.add(Kind::Next, &button.spot, format!("Screen '{wanted}' leads to itself."));
            }
            Some(_) => {}
        }
    }
    let entries: Vec<usize> = (0..screens.len()).filter(|it| !next.contains(&Some(*it))).collect();
    let spot = root.member("screens").unwrap_or_else(|| root.clone());
    let [entry] = entries[..] else {
        let message = match entries.is_empty() {
            true => "No entry screen found. Add a screen that is not used as the next screen of another.",
            false => "The screens are not one line: more than one of them is the next screen of none.",
        };
        problems.add(Kind::Routing, &spot, message);
        return None;
    };
    let mut line = vec![entry];
    while let Some(index) = line.last().and_then(|last| next[*last]) {
        if line.contains(&index) {
            let message = format!("Loop detected for screen '{}'.", screens[index].id);
            problems.add(Kind::Routing, &screens[index].spot, message);
            return None;
        }
        line.push(index);
    }
    if line.len() != screens.len() {
        problems.add(Kind::Routing, &spot, "Some screens are not connected with the rest of the screens.");
    }
    routing(root, screens, &next, problems);
    (problems.len() == before).then_some(line)
}

/// The last screen alone ends the flow.
fn ends(root: &Spot<'_>, screens: &[Screen<'_>], problems: &mut Problems) {
    for screen in screens {
        let Some(button) = &screen.button else { continue };
        match (screen.terminal, button.next) {
            (false, None) => {
                let message =
                    format!("'complete' can be used on a terminal screen only, and '{}' is none.", screen.id);
                problems.add(Kind::Complete, &button.spot, message);
            }
            (true, Some(_)) => {
                let message = format!("Screen '{}' is terminal, and leads to another.", screen.id);
                problems.add(Kind::Routing, &button.spot, message);
            }
            _ => {}
        }
    }
    let mut terminal = screens.iter().filter(|it| it.terminal);
    match (terminal.next(), terminal.next()) {
        (None, _) => problems.add(Kind::NoTerminal, root, "A flow should have a terminal screen."),
        (Some(_), Some(second)) => {
            let message = "More than one terminal screen: the screens have to be one line.";
            problems.add(Kind::Routing, &second.spot, message);
        }
        _ => {}
    }
}

/// A routing model says what the buttons say.
fn routing(root: &Spot<'_>, screens: &[Screen<'_>], next: &[Option<usize>], problems: &mut Problems) {
    let Some(model) = root.member("routing_model") else { return };
    if !model.value.is_object() {
        return problems.not_of_type(&model, "object");
    }
    for (id, routes) in model.members() {
        let Some(index) = screens.iter().position(|it| it.id == id) else {
            problems.add(
                Kind::Routing,
                &routes,
                format!("Invalid screens found in the routing model: [{id}]."),
            );
            continue;
        };
        let said: Vec<&str> =
            routes.value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is: Vec<&str> = next[index].iter().map(|it| screens[*it].id).collect();
        if said != is {
            let message =
                format!("The routes of screen '{id}' have to be those of its button: [{}].", is.join(", "));
            problems.add(Kind::Routing, &routes, message);
        }
    }
    for screen in screens.iter().filter(|it| model.value.get(it.id).is_none()) {
        let message = format!("Following screens are missing in the routing model: [{}].", screen.id);
        problems.add(Kind::Routing, &model, message);
    }
}
