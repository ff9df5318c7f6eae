//! A business's form is filled in: by arguments, or question by question.

use std::io::{BufRead, IsTerminal};

use lacre_client::content::{Answer, Field, Form};
use lacre_client::view::Body;
use lacre_client::{Intent, Queued};

use super::{Doing, message_id};
use crate::exit::{Exit, Failure};
use crate::forms;
use crate::safe_text::safe_line;

type Answers = Vec<(String, Answer)>;

impl Doing<'_> {
    pub(super) async fn fill(&self, id: &str, given: &[String]) -> Result<(), Failure> {
        let message = message_id(id)?;
        let reached = self.catch_up().await;
        let (conversation, row) = self.find(message)?;
        let form = match &row.body {
            Body::Menu { menu, .. } => menu.form(),
            _ => None,
        };
        let form = form.filter(|_| !row.mine).ok_or_else(|| {
            let why = "this message has no form that you could fill in; nothing was sent";
            Failure::new(Exit::Refused, "not_of_this_kind", why)
        })?;
        let answers = match given.is_empty() {
            true => ask(form)?,
            false => read(form, given)?,
        };
        match self.intend(Intent::Fill(conversation, message, answers), reached).await? {
            Queued::Message(conversation, id) => {
                self.client.wait_sent(conversation, id).await?;
                self.show(conversation, id)
            }
            Queued::Done => Ok(()),
        }
    }
}

/// Answers as arguments.
fn read(form: &Form, given: &[String]) -> Result<Answers, Failure> {
    let mut answers = Answers::new();
    for text in given {
        let (name, typed) = text
            .split_once('=')
            .ok_or_else(|| Failure::usage("an answer is written NAME=ANSWER; nothing was sent"))?;
        let field = form.fields().find(|field| field.name == name).ok_or_else(|| {
            let names: Vec<_> = form.fields().map(|field| safe_line(&field.name)).collect();
            misfilled(name, &format!("There is no such question. There are: {}.", names.join(", ")))
        })?;
        if answers.iter().any(|(other, _)| other == name) {
            return Err(misfilled(name, "It is answered twice."));
        }
        let answer = forms::answer(field, typed).map_err(|why| misfilled(name, &why))?;
        answers.extend(answer.map(|answer| (name.to_owned(), answer)));
    }
    form.takes(&answers).map_err(|(name, _)| misfilled(&name, "This has to be answered."))?;
    Ok(answers)
}

fn misfilled(name: &str, why: &str) -> Failure {
    Failure::new(Exit::Refused, "misfilled", format!("{}: {why} Nothing was sent.", safe_line(name)))
}

/// Asks question by question.
fn ask(form: &Form) -> Result<Answers, Failure> {
    let is_terminal = std::io::stdin().is_terminal();
    let mut answers = Answers::new();
    for field in form.fields() {
        for line in forms::before(form, Some(&field.name)) {
            eprintln!("{line}");
        }
        eprintln!("\n{}", forms::label(field));
        for line in forms::hints(field) {
            eprintln!("  {line}");
        }
        let answer = loop {
            match forms::answer(field, &line(field)?) {
                Ok(answer) => break answer,
                Err(why) if is_terminal => eprintln!("{why}"),
                Err(why) => return Err(misfilled(&field.name, &why)),
            }
        };
        answers.extend(answer.map(|answer| (field.name.clone(), answer)));
    }
    for line in forms::before(form, None) {
        eprintln!("{line}");
    }
    Ok(answers)
}

/// The next line of standard input. An empty one takes what stands there already.
fn line(field: &Field) -> Result<String, Failure> {
    let start = forms::start(field);
    match start.is_empty() {
        true => eprint!("> "),
        false => eprint!("[{start}] > "),
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match read.map_err(|error| Failure::io("standard input cannot be read", &error))? {
        0 => Err(misfilled(&field.name, "It was not answered.")),
        _ if line.trim().is_empty() => Ok(start),
        _ => Ok(line),
    }
}
