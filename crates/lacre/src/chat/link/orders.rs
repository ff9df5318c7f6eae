//! What is done for the whole account, or about somebody; and what is said of it.

use std::path::Path;

use lacre_client::clock::{Clock, SystemClock};
use lacre_client::content::Category;
use lacre_client::records::ConversationKind;
use lacre_client::strangers::Request;
use lacre_client::{Agreement, Intent};
use lacre_proto::{AccountId, ConversationId, Handle, Millis};

use super::{Link, half, sentence};
use crate::chat::drafts::Attempt;
use crate::chat::questions::Order;
use crate::chat::state::Msg;
use crate::commands::report;
use crate::output::{local, purpose};
use crate::safe_text::safe_line;

const DAY: Millis = 24 * 3600 * 1000;
/// Days for which something is allowed.
const CONSENT: Millis = 365;
const STOPPED: &str = "Stopped: nothing more comes, from its next message on, until you write to it again.";

impl Link {
    /// Carries it out; what is to be said of it.
    pub(super) async fn carry_out(&self, order: Order) -> Option<Msg> {
        let said = match order {
            Order::Compare(what, file) => self.compare(what, &file).await,
            // What comes of it is told by the client.
            Order::Link(code) => return self.link(&code).await.err().map(|why| Msg::LinkEnded(Err(why))),
            order => self.done(order).await.map(Msg::Done),
        };
        Some(said.unwrap_or_else(|why| Msg::Trouble(sentence(&why))))
    }

    /// Carries out what takes long; what is to be said of it.
    pub(super) async fn carry_out_slowly(&self, attempt: Attempt, order: Order) -> Msg {
        let done = match order {
            Order::SendFile(id, file, caption) => {
                return Msg::Ended(attempt, self.send_file(id, &file, caption).await);
            }
            Order::Save(id, message, to) => return Msg::Ended(attempt, self.save(id, message, &to).await),
            Order::Look(id, message, size) => self.look_at(id, message, size).await.map(Msg::Seen),
            Order::Play(id, message) => self.play(id, message).await.map(Msg::Done),
            order => self.done(order).await.map(Msg::Done),
        };
        done.unwrap_or_else(|why| Msg::Trouble(sentence(&why)))
    }

    async fn link(&self, code: &str) -> Result<(), String> {
        let code = code.parse().map_err(half)?;
        self.0.intend(Intent::Link(code)).await.map(drop).map_err(half)
    }

    async fn done(&self, order: Order) -> Result<String, String> {
        let (intent, done) = match order {
            Order::Accept(id) => {
                let done = "Accepted: they learn from now on what arrived and what you have read.";
                (Intent::Accept(id), done.to_owned())
            }
            Order::Decline(id) => (Intent::Decline(id), "Deleted. They are not told.".to_owned()),
            Order::BlockRequest(id) => return self.block_request(id).await,
            Order::BlockPerson(handle) => {
                (Intent::Block(self.person(&handle)?), format!("{handle} is blocked."))
            }
            Order::Admit(group, who) => (Intent::AdmitAsker(group, who, 0), "Being let in.".to_owned()),
            Order::NotAdmit(group, who) => (Intent::DeclineAsker(group, who), "Not let in.".to_owned()),
            Order::NewLink(group, days) => {
                let until = if days == 0 { 0 } else { SystemClock.now() + Millis::from(days) * DAY };
                (Intent::SetGroupLink(group, Some(until)), "A new link is made.".to_owned())
            }
            Order::LinkOff(group) => (Intent::SetGroupLink(group, None), "The link is off.".to_owned()),
            Order::Join(link) => {
                let link = link.parse().map_err(half)?;
                (Intent::AskToJoin(link), "Asked; the admin of the group decides.".to_owned())
            }
            Order::Unblock(who) => (Intent::Unblock(who), "Not blocked any more.".to_owned()),
            Order::UnblockIn(id) => {
                let peer = self.0.read(|views| Ok(views.records().conversation(id)?.and_then(|it| it.peer)));
                let peer = peer.map_err(half)?.ok_or("it is not known who is in this conversation")?;
                (Intent::Unblock(peer), "Not blocked any more.".to_owned())
            }
            Order::Report(id, file) => return self.report(id, &file),
            Order::Approve(id) => {
                (Intent::ApproveDevice(id), "It may do from now on what this one may.".to_owned())
            }
            Order::Rename(id, name) => {
                (Intent::NameDevice(id, name), "It is called so on all your devices.".to_owned())
            }
            Order::Tell(to, days) => {
                let since_ms = match Millis::from(days) {
                    0 => 0,
                    days => SystemClock.now().saturating_sub(days.saturating_mul(DAY)),
                };
                (Intent::GiveHistory { to, since_ms }, "It begins when both are online.".to_owned())
            }
            Order::StopTelling(id) => (Intent::StopHistory(id), "It is told no more.".to_owned()),
            Order::Secure => (Intent::Secure, "Under way; Ctrl+D tells how far it is.".to_owned()),
            Order::Revoke(id) => {
                let done = "It is being taken out of the account and of every conversation.";
                (Intent::RevokeDevice(id), done.to_owned())
            }
            Order::StopLinking => (Intent::StopLinking, "The new device is not let in.".to_owned()),
            Order::Compare(..)
            | Order::Link(_)
            | Order::Save(..)
            | Order::SendFile(..)
            | Order::Look(..)
            | Order::Play(..) => {
                return Err("this is done in another way".to_owned());
            }
            Order::Verify(who, number) => {
                let number = number.parse().map_err(half)?;
                (Intent::MarkVerified(who, number), "Verified: you have compared it.".to_owned())
            }
            Order::Unverify(who) => (Intent::UnmarkVerified(who), "Not verified any more.".to_owned()),
            Order::AcceptKey(who, key) => {
                let done =
                    "Accepted: what you write goes to the new key. Compare the new number when you can.";
                (Intent::AcceptIdentity(who, key), done.to_owned())
            }
            Order::NotLater(id) => {
                (Intent::Cancel(lacre_client::content::MessageId(id.0)), "It will not be sent.".to_owned())
            }
            Order::Allow(id, category, allowed, shown) => {
                let (categories, expires_ms) = self.allowed(id, category, allowed)?;
                let names: Vec<&str> = categories.iter().copied().map(purpose).collect();
                let done = match names.is_empty() {
                    true => STOPPED.to_owned(),
                    false => {
                        format!(
                            "It may send you {} until {}.",
                            names.join(", "),
                            local(expires_ms, "%-d %b %Y")
                        )
                    }
                };
                (Intent::SetConsent(id, Agreement { categories, expires_ms, shown }), done)
            }
            Order::Stop(id) => {
                let expires_ms = SystemClock.now() + CONSENT * DAY;
                let stop = Agreement { categories: Vec::new(), expires_ms, shown: None };
                (Intent::SetConsent(id, stop), STOPPED.to_owned())
            }
            Order::Name(name) => {
                let done = "It is told with your next message in each conversation.";
                (Intent::SetName(name), done.to_owned())
            }
        };
        self.0.intend(intent).await.map(|_| done).map_err(half)
    }

    /// What a business may write for and until when, with one thing changed: more is for a year, less is for no longer
    /// than before. What was allowed and is over is not allowed again.
    fn allowed(
        &self,
        id: ConversationId,
        one: Category,
        allowed: bool,
    ) -> Result<(Vec<Category>, Millis), String> {
        let known = self.0.read(|views| views.conversation(id)).map_err(half)?;
        let business = known.and_then(|it| it.business).ok_or("this is no business")?;
        let now = SystemClock.now();
        let consent = business.consent.filter(|it| it.expires_ms > now);
        let year = now + CONSENT * DAY;
        let until = consent.as_ref().filter(|_| !allowed).map_or(year, |it| it.expires_ms);
        let mut all = consent.map(|it| it.categories).unwrap_or_default();
        all.retain(|category| *category != one);
        if allowed {
            all.push(one);
        }
        all.sort_unstable();
        Ok((all, until))
    }

    async fn block_request(&self, id: ConversationId) -> Result<String, String> {
        let request = self.request(id)?;
        let from = request.from.ok_or("it is not known who added you; delete the request instead")?;
        self.0.intend(Intent::Block(from.account)).await.map_err(half)?;
        if request.kind == ConversationKind::Group {
            self.0.intend(Intent::Decline(id)).await.map_err(half)?;
        }
        Ok(format!("{} is blocked, and not told.", from.handle))
    }

    fn request(&self, id: ConversationId) -> Result<Request, String> {
        let mut requests = self.0.read(|views| views.requests()).map_err(half)?;
        requests.retain(|request| request.conversation == id);
        requests.pop().ok_or_else(|| "this request is not there any more".to_owned())
    }

    fn person(&self, handle: &str) -> Result<AccountId, String> {
        let handle: Handle = handle.trim_start_matches('@').parse().map_err(half)?;
        let person = self.0.read(|views| views.person(&handle)).map_err(half)?;
        let unknown = || {
            format!(
                "nothing is known of {handle} on this device: they never wrote to you and are in no group with you"
            )
        };
        Ok(person.ok_or_else(unknown)?.account)
    }

    fn report(&self, id: ConversationId, file: &str) -> Result<String, String> {
        let made = self.0.read(|views| Ok(report::of_request(views, id))).map_err(half)?;
        let (report, messages) = made.map_err(half)?;
        report::save(Path::new(file), &report).map_err(half)?;
        let many = if messages == 1 { "message is" } else { "messages are" };
        Ok(format!("{messages} {many} in {}, signed by you. Nobody was sent it.", safe_line(file)))
    }
}
