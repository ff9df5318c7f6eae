//! Why a file is not to be trusted: typed reasons, each with a stable code, a severity and a plain sentence.

use std::fmt;

use crate::kind::Kind;

/// What to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing was found. What is known about the file may be told all the same.
    Fine,
    /// It may be opened, after the reasons were said.
    Careful,
    /// It is never opened, only saved.
    Dangerous,
}

impl Severity {
    /// Its name for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Careful => "careful",
            Self::Dangerous => "dangerous",
        }
    }
}

/// One reason. Its code and its meaning never change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The content runs.
    Program(Kind),
    /// The name makes a system run it.
    RunsByName,
    /// The name says one thing and the content is another, harmless one.
    Mislabelled(Kind),
    /// Name or declared type are harmless, and the content runs or opens in a browser.
    Disguised(Kind),
    /// The type that the sender declared is not that of the content.
    FalselyDeclared(Kind),
    /// A harmless extension stands before the one that counts.
    DoubleExtension,
    /// The extension is pushed out of sight by spaces.
    HiddenExtension,
    /// The name turns the direction of writing.
    TurnedName,
    /// The name holds control characters.
    ControlInName,
    /// The name holds characters that are not seen.
    UnseenInName,
    /// The name holds a path.
    PathInName,
    /// The name is that of a device.
    ReservedName,
    /// The name is longer than file systems take.
    LongName,
    /// The document has macros.
    Macros,
    /// The document has other objects in it, or controls.
    Embedded,
    /// The PDF starts something or runs script.
    ActivePdf,
    /// The page or drawing runs script.
    ActivePage,
    /// It unpacks to far more than it is.
    Bomb {
        /// What it says it unpacks to, in bytes.
        unpacked: u64,
    },
    /// It holds more files than anybody looks through.
    ManyFiles,
    /// Its list of files is cut, does not fit to their number, or is one of two: files may be in it that are not seen.
    HiddenFiles,
    /// It holds archives, which are not looked into.
    NestedArchives,
    /// It holds so many archives that it can only be meant to grow.
    NestedBomb,
    /// It holds something that runs: its name.
    ProgramInside(String),
    /// It holds a name that leads out of the folder that it is unpacked in.
    EscapingPath,
    /// It is locked by a password, so that nobody looks into it.
    Locked,
    /// It is two kinds of file at once.
    TwoKinds,
    /// Its structure does not hold.
    Damaged,
    /// It is the test file of virus scanners.
    TestVirus,
    /// It says who wrote it, or where.
    NamesAuthor,
}

impl Reason {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Program(_) => "program",
            Self::RunsByName => "runs-by-name",
            Self::Mislabelled(_) => "mislabelled",
            Self::Disguised(_) => "disguised",
            Self::FalselyDeclared(_) => "falsely-declared",
            Self::DoubleExtension => "double-extension",
            Self::HiddenExtension => "hidden-extension",
            Self::TurnedName => "turned-name",
            Self::ControlInName => "control-in-name",
            Self::UnseenInName => "unseen-in-name",
            Self::PathInName => "path-in-name",
            Self::ReservedName => "reserved-name",
            Self::LongName => "long-name",
            Self::Macros => "macros",
            Self::Embedded => "embedded",
            Self::ActivePdf => "active-pdf",
            Self::ActivePage => "active-page",
            Self::Bomb { .. } => "bomb",
            Self::ManyFiles => "many-files",
            Self::HiddenFiles => "hidden-files",
            Self::NestedArchives => "nested-archives",
            Self::NestedBomb => "nested-bomb",
            Self::ProgramInside(_) => "program-inside",
            Self::EscapingPath => "escaping-path",
            Self::Locked => "locked",
            Self::TwoKinds => "two-kinds",
            Self::Damaged => "damaged",
            Self::TestVirus => "test-virus",
            Self::NamesAuthor => "names-author",
        }
    }

    /// How bad it is by itself.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NamesAuthor => Severity::Fine,
            Self::Mislabelled(_)
            | Self::FalselyDeclared(_)
            | Self::DoubleExtension
            | Self::ControlInName
            | Self::UnseenInName
            | Self::PathInName
            | Self::ReservedName
            | Self::LongName
            | Self::Embedded
            | Self::ActivePdf
            | Self::NestedArchives
            | Self::Locked
            | Self::Damaged => Severity::Careful,
            Self::Program(_)
            | Self::RunsByName
            | Self::Disguised(_)
            | Self::HiddenExtension
            | Self::TurnedName
            | Self::Macros
            | Self::ActivePage
            | Self::Bomb { .. }
            | Self::ManyFiles
            | Self::HiddenFiles
            | Self::NestedBomb
            | Self::ProgramInside(_)
            | Self::EscapingPath
            | Self::TwoKinds
            | Self::TestVirus => Severity::Dangerous,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(kind) => write!(f, "it is {}, and runs when it is opened", kind.called()),
            Self::RunsByName => f.write_str("its name makes a computer run it"),
            Self::Mislabelled(kind) => write!(f, "its name says otherwise, but it is {}", kind.called()),
            Self::Disguised(kind) => write!(f, "it pretends to be harmless, but it is {}", kind.called()),
            Self::FalselyDeclared(kind) => {
                write!(f, "it was sent as something else, but it is {}", kind.called())
            }
            Self::DoubleExtension => f.write_str("its name has two endings, and only the last one counts"),
            Self::HiddenExtension => f.write_str("its name hides its ending behind spaces"),
            Self::TurnedName => f.write_str("its name is written backwards in part, to look like another"),
            Self::ControlInName => f.write_str("its name has control characters in it"),
            Self::UnseenInName => f.write_str("its name has characters in it that are not seen"),
            Self::PathInName => f.write_str("its name leads into another folder"),
            Self::ReservedName => f.write_str("its name is that of a device on Windows"),
            Self::LongName => f.write_str("its name is longer than a name can be"),
            Self::Macros => f.write_str("it has macros, which are programs in a document"),
            Self::Embedded => f.write_str("other files or controls are embedded in it"),
            Self::ActivePdf => f.write_str("it runs a script or starts something when it is opened"),
            Self::ActivePage => f.write_str("it runs a script in a browser"),
            Self::Bomb { unpacked } => write!(f, "it unpacks to {unpacked} bytes, far more than it seems"),
            Self::ManyFiles => f.write_str("it holds far too many files"),
            Self::HiddenFiles => f.write_str("its list of files is not whole, so files may be hidden in it"),
            Self::NestedArchives => f.write_str("it holds other archives, which were not looked into"),
            Self::NestedBomb => f.write_str("it holds archives in archives, made to grow without end"),
            Self::ProgramInside(name) => write!(f, "a program is in it: {name}"),
            Self::EscapingPath => f.write_str("it would unpack files outside of its folder"),
            Self::Locked => f.write_str("it is locked by a password, so it could not be looked into"),
            Self::TwoKinds => f.write_str("it is two kinds of file at once"),
            Self::Damaged => f.write_str("it is damaged or cut off"),
            Self::TestVirus => f.write_str("it is the test file that virus scanners look for"),
            Self::NamesAuthor => {
                f.write_str("it names its author, or the device or place that it was made with")
            }
        }
    }
}
