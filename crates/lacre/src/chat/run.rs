//! The terminal and the clock: what happens goes into the state, what it asks for is done.
//!
//! Reads of the local store are answered at once; everything else is done in order, one after the other, beside
//! the screen, so that typing never waits.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, IsTerminal, Stdout, Write, stdout};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange, Event, EventStream,
};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use futures_util::{Stream, StreamExt, future, stream};

use jiff::tz::TimeZone;
use lacre_proto::ConversationId;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::group::Group;
use super::keys::key;
use super::model::{Conversation, Me, Message, MessageId};
use super::panel::{Shown, What};
use super::search::Found;
use super::state::{Command, Msg, State};
use super::theme::Theme;
use super::view;

/// How often the clock on the screen is looked at.
const CLOCK: Duration = Duration::from_secs(10);
/// The same, while somebody is writing.
const SOON: Duration = Duration::from_secs(1);
/// How long leaving waits for what is being written to the disk.
const LEAVING: Duration = Duration::from_secs(10);
/// Most of what happened that is taken in before the screen is drawn again.
const AT_ONCE: usize = 256;

/// Rows, and whether there are older and newer ones.
pub type Around = (Vec<Message>, [bool; 2]);

/// What the chat asks of the client. Errors are half sentences for people.
pub trait Messenger: Clone + Send + Sync + 'static {
    /// This account.
    fn me(&self) -> Result<Me, String>;
    /// All conversations, in the order to show.
    fn conversations(&self) -> Result<Vec<Conversation>, String>;
    /// So many of the newest rows, the oldest first, and whether there are older ones.
    fn messages(&self, conversation: ConversationId, limit: usize) -> Result<(Vec<Message>, bool), String>;
    /// Rows before and after a message, the oldest first, and whether there are older and newer ones; nothing when
    /// it is not here any more.
    fn around(&self, conversation: ConversationId, id: MessageId) -> Result<Option<Around>, String>;
    /// What a panel shows.
    fn panel(&self, what: What) -> Result<Shown, String>;
    /// The name that one goes by; empty for none.
    fn name(&self) -> Result<String, String>;
    /// What is known of a group.
    fn group(&self, id: ConversationId) -> Result<Group, String>;
    /// What is found of a text, in one conversation or in all.
    fn search(&self, text: &str, within: Option<ConversationId>) -> Result<Found, String>;
    /// The draft that is kept for a conversation.
    fn draft(&self, conversation: ConversationId) -> Result<Option<String>, String>;
    /// Does what is not a read; what is to be said about it.
    fn work(&self, command: Command) -> impl Future<Output = Option<Msg>> + Send;
}

/// Why there is no chat.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// Not at a terminal.
    #[error("chat needs a terminal; in a script use `lacre send` and `lacre read --follow`")]
    NoTerminal,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Terminal(String),
    /// The profile cannot be read.
    #[error("{0}")]
    Profile(String),
}

/// Runs the chat in this process' terminal until the person leaves.
pub async fn run<M: Messenger>(
    messenger: M,
    happenings: impl Stream<Item = Msg> + Unpin,
) -> Result<(), ChatError> {
    if !stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(ChatError::NoTerminal);
    }
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut screen = Screen::enter().map_err(failed)?;
    let stop = stop_signals().map_err(failed)?;
    let keys = EventStream::new().filter_map(|event| future::ready(input(event)));
    let keys = Box::pin(stream::select(keys, stop));
    talk(&mut screen.terminal, Theme::new(colour), messenger, keys, happenings).await
}

/// The loop over any terminal and any source of keys.
pub async fn talk<B: Backend, M: Messenger>(
    terminal: &mut Terminal<B>,
    theme: Theme,
    messenger: M,
    mut keys: impl Stream<Item = Msg> + Unpin,
    happenings: impl Stream<Item = Msg> + Unpin,
) -> Result<(), ChatError> {
    // Its end is no reason to leave: there may be text to keep.
    let mut happenings = happenings.fuse();
    let size = terminal.size().map_err(failed)?;
    let me = messenger.me().map_err(ChatError::Profile)?;
    let (mut state, first) =
        State::new(me, crate::output::now(), TimeZone::system(), (size.width, size.height));
    let (orders, mut done, worker) = worker(messenger.clone());
    let mut leaving = follow(&mut state, first, &messenger, &orders);
    // Why there is no screen any more; what is being written is kept all the same.
    let mut gone = None;
    while !leaving {
        if gone.is_none() {
            gone = terminal
                .draw(|frame| view::draw(&state, theme, frame))
                .err()
                .map(|error| Some(failed(error)));
            if gone.is_some() {
                let commands = state.update(Msg::HungUp);
                leaving = follow(&mut state, commands, &messenger, &orders);
                continue;
            }
        }
        let mut heard = tokio::select! {
            msg = keys.next(), if gone.is_none() => match msg {
                Some(msg) => vec![msg],
                None => {
                    gone = Some(None);
                    vec![Msg::HungUp]
                }
            },
            Some(msg) = done.recv() => vec![msg],
            Some(msg) = happenings.next() => vec![msg],
            () = sleep(if state.somebody_is_writing() { SOON } else { CLOCK }) => Vec::new(),
        };
        // What has come together is shown together.
        while heard.len() < AT_ONCE
            && let Some(Some(msg)) = future::FutureExt::now_or_never(happenings.next())
        {
            heard.push(msg);
        }
        let mut commands = state.update(Msg::Now(crate::output::now()));
        for msg in heard {
            commands.extend(state.update(msg));
        }
        leaving = follow(&mut state, commands, &messenger, &orders);
    }
    drop(orders);
    // What was handed over reaches the disk before the process ends.
    let _ = timeout(LEAVING, worker).await;
    gone.flatten().map_or(Ok(()), Err)
}

fn failed(error: impl Error) -> ChatError {
    ChatError::Terminal(error.to_string())
}

/// Answers reads, hands everything else to the worker; whether to leave.
fn follow<M: Messenger>(
    state: &mut State,
    commands: Vec<Command>,
    messenger: &M,
    orders: &mpsc::UnboundedSender<Command>,
) -> bool {
    let mut queue = VecDeque::from(commands);
    while let Some(command) = queue.pop_front() {
        // A later read of the same sees more.
        let read = matches!(
            command,
            Command::LoadConversations
                | Command::LoadMessages(..)
                | Command::LoadAround(..)
                | Command::LoadPanel(_)
        );
        if read && queue.contains(&command) {
            continue;
        }
        // Of several searches only the last one is still wanted.
        if matches!(command, Command::Search(..))
            && queue.iter().any(|later| matches!(later, Command::Search(..)))
        {
            continue;
        }
        let answer = match command {
            Command::Quit => return true,
            Command::LoadConversations => messenger.conversations().map(Msg::Conversations),
            Command::LoadMessages(conversation, limit) => messenger
                .messages(conversation, limit)
                .map(|(rows, older)| Msg::Messages(conversation, rows, older)),
            Command::LoadAround(conversation, id) => {
                messenger.around(conversation, id).map(|found| match found {
                    Some((rows, more)) => Msg::Around(conversation, rows, more),
                    None => Msg::Lost(conversation),
                })
            }
            Command::LoadPanel(what) => messenger.panel(what).map(|shown| Msg::Panel(what, shown)),
            Command::LoadName => messenger.name().map(Msg::Name),
            Command::Search(text, within) => {
                messenger.search(&text, within).map(|found| Msg::Found(text, within, found))
            }
            Command::LoadGroup(id) => messenger.group(id).map(|group| Msg::Group(id, group)),
            Command::LoadDraft(conversation) => match messenger.draft(conversation) {
                Ok(None) => continue,
                Ok(Some(text)) => Ok(Msg::Draft(conversation, text)),
                Err(why) => Err(why),
            },
            order => {
                // The worker ends only after its sender.
                let _ = orders.send(order);
                continue;
            }
        };
        queue.extend(state.update(answer.unwrap_or_else(Msg::Trouble)));
    }
    false
}

type Worker = (mpsc::UnboundedSender<Command>, mpsc::UnboundedReceiver<Msg>, tokio::task::JoinHandle<()>);

/// Does orders one after the other until nobody gives any.
fn worker<M: Messenger>(messenger: M) -> Worker {
    let (orders, mut next) = mpsc::unbounded_channel();
    let (tell, done) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        let mut beside = JoinSet::new();
        loop {
            let order = tokio::select! {
                order = next.recv() => match order {
                    Some(order) => order,
                    None => break,
                },
                Some(_) = beside.join_next() => continue,
            };
            // What takes long holds nothing up.
            if matches!(order, Command::Slowly(..)) {
                let (messenger, tell) = (messenger.clone(), tell.clone());
                beside.spawn(async move {
                    if let Some(msg) = messenger.work(order).await {
                        let _ = tell.send(msg);
                    }
                });
                continue;
            }
            if let Some(msg) = messenger.work(order).await {
                // The chat may be gone already.
                let _ = tell.send(msg);
            }
        }
        // The state has waited for what takes long; what is still here is left because that was asked for twice.
        beside.shutdown().await;
    });
    (orders, done, task)
}

/// Tells once that the program is to stop, or that its terminal is gone.
#[cfg(unix)]
fn stop_signals() -> io::Result<impl Stream<Item = Msg>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    Ok(stream::once(async move {
        tokio::select! {
            _ = terminate.recv() => Msg::HungUp,
            _ = hang_up.recv() => Msg::HungUp,
        }
    }))
}

/// Ctrl+C comes as a key, and there is nothing else.
#[cfg(not(unix))]
fn stop_signals() -> io::Result<impl Stream<Item = Msg>> {
    Ok(stream::pending())
}

/// What a happening of the terminal means, if anything.
fn input(event: io::Result<Event>) -> Option<Msg> {
    match event {
        Ok(Event::Key(event)) => key(event).map(Msg::Key),
        Ok(Event::Paste(text)) => Some(Msg::Paste(text)),
        Ok(Event::Resize(columns, lines)) => Some(Msg::Resized(columns, lines)),
        Ok(Event::FocusGained) => Some(Msg::Looked(true)),
        Ok(Event::FocusLost) => Some(Msg::Looked(false)),
        Ok(Event::Mouse(_)) => None,
        Err(_) => Some(Msg::HungUp),
    }
}

/// The terminal as long as it is the chat's; given back when dropped, and when the program panics.
struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    fn enter() -> io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        enable_raw_mode()?;
        // From here on dropping it puts everything back, also when the next line fails.
        let screen = Self { terminal: Terminal::new(CrosstermBackend::new(stdout()))? };
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // A terminal that is gone needs nothing back.
    let _ = execute!(stdout(), DisableFocusChange, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
}
