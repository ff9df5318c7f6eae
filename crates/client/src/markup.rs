//! What the author of a text meant by its marks: a safe part of CommonMark, as blocks and spans for a screen.
//!
//! Bold, italic, struck out, code, quotes, lists, links and mentions. Everything else is text as it was written:
//! HTML is never markup, a picture is a link, and where a link leads stands beside what it is called. What comes
//! out is still what somebody wrote: a terminal makes it safe for itself.

use lacre_proto::AccountId;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// How an address of an account begins.
pub const ACCOUNT: &str = "lacre:account/";
/// How deep quotes and lists lie in each other; deeper ones are shown as if they were here.
const DEPTH: usize = 6;
/// The most spans of a text; what comes after is one plain span.
const SPANS: usize = 4096;

/// A part of a text that stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What lies around it, from the outside.
    pub inside: Vec<Around>,
    /// Whether it is code as it was written, line by line.
    pub code: bool,
    /// What it says.
    pub spans: Vec<Span>,
}

/// What a block lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// A quote.
    Quote,
    /// A point of a list, with its number in a numbered one.
    Point(Option<u64>),
}

/// Text of one look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// Bold.
    pub bold: bool,
    /// Italic.
    pub italic: bool,
    /// Struck out.
    pub strike: bool,
    /// Code.
    pub code: bool,
    /// Where it leads, in full; to be shown beside the text when that says anything else.
    pub link: Option<String>,
    /// The account that it mentions; shown by that account's own handle, whatever the text says.
    pub mention: Option<AccountId>,
}

/// How a mention is written.
pub fn mention(account: AccountId, called: &str) -> String {
    let called: String = called.chars().filter(|c| !matches!(c, '[' | ']' | '\\' | '<' | '>')).collect();
    format!("[@{called}]({ACCOUNT}{account})")
}

/// The accounts that a text mentions.
pub fn mentions(text: &str) -> Vec<AccountId> {
    parse(text).iter().flat_map(|block| &block.spans).filter_map(|span| span.mention).collect()
}

/// The blocks of a text. Never fails: what is no markup is text.
pub fn parse(text: &str) -> Vec<Block> {
    let mut reading = Reading::default();
    for event in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH) {
        reading.event(event);
    }
    reading.end_block();
    if reading.blocks.is_empty() && !text.trim().is_empty() {
        // Nothing but marks, as in "2.": somebody said that, so it is shown.
        let spans = vec![Span { text: text.to_owned(), ..Span::default() }];
        return vec![Block { inside: Vec::new(), code: false, spans }];
    }
    reading.blocks
}

#[derive(Default)]
struct Reading {
    blocks: Vec<Block>,
    spans: Vec<Span>,
    count: usize,
    inside: Vec<Around>,
    /// How many quotes and points were opened, those that are not shown too.
    opened: usize,
    /// The number of the next point of each list.
    lists: Vec<Option<u64>>,
    look: Span,
    code: bool,
}

impl Reading {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Code(text) => {
                let span = Span { code: true, ..self.look.clone() };
                self.push(&text, span);
            }
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                let span = self.look.clone();
                self.push(&text, span);
            }
            Event::SoftBreak | Event::HardBreak => {
                let span = self.look.clone();
                self.push("\n", span);
            }
            Event::Rule => {
                self.end_block();
                self.push("———", Span::default());
                self.end_block();
            }
            // Extensions that are not switched on.
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Emphasis => self.look.italic = true,
            Tag::Strong => self.look.bold = true,
            Tag::Strikethrough => self.look.strike = true,
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                let account = dest_url.strip_prefix(ACCOUNT);
                let account = account.and_then(|hex| hex.parse::<AccountId>().ok());
                self.look.mention = account;
                self.look.link = account.is_none().then(|| dest_url.into_string());
            }
            Tag::Heading { .. } => {
                self.end_block();
                self.look.bold = true;
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.end_block();
                self.code = true;
            }
            Tag::BlockQuote(_) => self.go_in(Around::Quote),
            Tag::List(first) => {
                self.end_block();
                self.lists.push(first);
            }
            Tag::Item => {
                let number = self.lists.last_mut().and_then(|next| {
                    let number = *next;
                    *next = next.map(|next| next.saturating_add(1));
                    number
                });
                self.go_in(Around::Point(number));
            }
            _ => self.end_block(),
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis => self.look.italic = false,
            TagEnd::Strong => self.look.bold = false,
            TagEnd::Strikethrough => self.look.strike = false,
            TagEnd::Link | TagEnd::Image => (self.look.link, self.look.mention) = (None, None),
            TagEnd::Heading(_) => {
                self.end_block();
                self.look.bold = false;
            }
            TagEnd::CodeBlock => {
                self.end_block();
                self.code = false;
            }
            TagEnd::BlockQuote(_) | TagEnd::Item => self.go_out(),
            TagEnd::List(_) => {
                self.end_block();
                self.lists.pop();
            }
            _ => self.end_block(),
        }
    }

    fn go_in(&mut self, around: Around) {
        self.end_block();
        self.opened += 1;
        if self.opened <= DEPTH {
            self.inside.push(around);
        }
    }

    fn go_out(&mut self) {
        self.end_block();
        if self.opened <= DEPTH {
            self.inside.pop();
        }
        self.opened = self.opened.saturating_sub(1);
    }

    fn push(&mut self, text: &str, mut span: Span) {
        let last = self
            .spans
            .last_mut()
            .filter(|last| self.count >= SPANS || Span { text: String::new(), ..(*last).clone() } == span);
        match last {
            Some(last) => last.text.push_str(text),
            None => {
                self.count += 1;
                if self.count >= SPANS {
                    span = Span::default();
                }
                self.spans.push(Span { text: text.to_owned(), ..span });
            }
        }
    }

    fn end_block(&mut self) {
        let mut spans = std::mem::take(&mut self.spans);
        if self.code
            && let Some(last) = spans.last_mut()
        {
            last.text.truncate(last.text.trim_end_matches('\n').len());
        }
        spans.retain(|span| !span.text.is_empty());
        if !spans.is_empty() {
            self.blocks.push(Block { inside: self.inside.clone(), code: self.code, spans });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> Span {
        Span { text: text.to_owned(), ..Span::default() }
    }

    fn spans(text: &str) -> Vec<Span> {
        parse(text).into_iter().flat_map(|block| block.spans).collect()
    }

    #[test]
    fn marks_become_looks() {
        let [bold, italic, strike, code] = [
            Span { bold: true, ..plain("bold") },
            Span { italic: true, ..plain("italic") },
            Span { strike: true, ..plain("gone") },
            Span { code: true, ..plain("let x") },
        ];
        let all = spans("**bold** *italic* ~~gone~~ `let x`");
        assert_eq!(all, [bold, plain(" "), italic, plain(" "), strike, plain(" "), code]);
    }

    #[test]
    fn quotes_and_lists_are_blocks_that_know_where_they_lie() {
        let blocks = parse("> said\n\n1. one\n2. two\n   - deeper\n\n```\ncode <b>\n```");
        let shape: Vec<_> =
            blocks.iter().map(|it| (it.inside.clone(), it.code, it.spans[0].text.as_str())).collect();
        assert_eq!(
            shape,
            [
                (vec![Around::Quote], false, "said"),
                (vec![Around::Point(Some(1))], false, "one"),
                (vec![Around::Point(Some(2))], false, "two"),
                (vec![Around::Point(Some(2)), Around::Point(None)], false, "deeper"),
                (vec![], true, "code <b>"),
            ]
        );
    }

    #[test]
    fn html_is_text_and_a_picture_is_a_link() {
        let text = "<script>alert(1)</script> <b>hi</b>";
        assert_eq!(spans(text).iter().map(|span| span.text.as_str()).collect::<String>(), text);
        assert_eq!(
            spans("![cat](https://evil.example/x.png)"),
            [Span { link: Some("https://evil.example/x.png".to_owned()), ..plain("cat") }]
        );
        let [link] = &spans("[bank.example](https://evil.example)")[..] else { panic!("one span") };
        assert_eq!(link.link.as_deref(), Some("https://evil.example"), "where it leads is told");
    }

    #[test]
    fn a_mention_names_an_account_whatever_its_text_says() {
        let account = AccountId([0xab; 16]);
        let text = format!("hi {}!", mention(account, "ana](x)"));
        assert_eq!(mentions(&text), [account]);
        assert_eq!(mentions("[@ana](lacre:account/zz) @ana"), []);
    }

    #[test]
    fn deep_and_long_markup_is_bounded() {
        for text in [
            ">".repeat(20_000),
            "[".repeat(20_000),
            "*a".repeat(20_000),
            "- ".repeat(10_000),
            "`".repeat(30_000),
        ] {
            let blocks = parse(&text);
            assert!(blocks.iter().all(|block| block.inside.len() <= DEPTH));
            assert!(blocks.iter().map(|block| block.spans.len()).sum::<usize>() <= SPANS + blocks.len());
        }
        let deep = format!("{}down here", "> ".repeat(50));
        assert_eq!(spans(&deep), [plain("down here")]);
    }

    #[test]
    fn what_is_nothing_but_marks_is_shown() {
        for text in ["0. ", "2.", "-", "> ", "#", "* *"] {
            assert!(!spans(text).is_empty(), "{text:?} is shown as nothing");
        }
        assert_eq!(spans("2."), [plain("2.")]);
        assert_eq!(spans(" \n "), []);
    }

    proptest! {
        #[test]
        fn no_text_is_lost_that_has_no_marks(text in "[a-zA-Z0-9 ,.!?]{0,200}") {
            // "1. bread" is the first point of a list, whose number stands beside its text.
            prop_assume!(parse(&text).iter().all(|block| block.inside.is_empty()));
            let shown: String = spans(&text).iter().map(|span| span.text.as_str()).collect();
            prop_assert_eq!(shown.replace(char::is_whitespace, ""), text.replace(char::is_whitespace, ""));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,400}") {
            let _ = parse(&text);
            let _ = mentions(&text);
        }
    }
}
