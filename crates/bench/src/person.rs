//! Two people in a conversation, made before the clock starts.

use clap::Args;
use lacre_proto::Millis;
use rand::Rng;
use rand::rngs::StdRng;

use crate::cli::Failed;
use crate::member::{Member, Stock, framed};
use crate::socket::{Socket, Target};

/// How conversations are made.
#[derive(Args, Clone)]
pub struct Kind {
    /// Bytes of a sealed message.
    #[arg(long, default_value_t = 420)]
    pub sealed_bytes: usize,
}

impl Kind {
    /// As it stands in the measurement.
    pub fn name(&self) -> &'static str {
        "framed"
    }
}

/// Two people, logged in, and what one has to say.
pub struct Couple {
    /// The logged-in socket of the one who writes.
    pub sender: Socket,
    /// That of the other.
    pub receiver: Socket,
    /// What is said.
    pub stock: Stock,
    /// How the other logs in again.
    pub login: Login,
}

/// Somebody who can log in.
pub enum Login {
    /// By keys alone.
    Member(Member),
}

impl Login {
    /// Opens a socket and logs in.
    pub async fn open(&self, target: &Target) -> Result<Socket, Failed> {
        match self {
            Self::Member(member) => member.login(target).await,
        }
    }
}

/// Makes two accounts and a conversation of theirs.
pub async fn couple(target: &Target, kind: &Kind, rng: &mut StdRng) -> Result<Couple, Failed> {
    let mark: u64 = rng.random();
    let ana = Member::new(&format!("a{mark:016x}"), now_ms(), rng)?;
    let bruno = Member::new(&format!("b{mark:016x}"), now_ms(), rng)?;
    let mut sockets = [ana.sign_up(target).await?, bruno.sign_up(target).await?];
    let stock = framed(target, &mut sockets, kind.sealed_bytes, rng).await?;
    let [sender, receiver] = sockets;
    Ok(Couple { sender, receiver, stock, login: Login::Member(bruno) })
}

/// The time for certificates.
#[expect(clippy::disallowed_methods, reason = "a bench runs by the machine's clock")]
pub fn now_ms() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| time.as_millis() as Millis)
}
