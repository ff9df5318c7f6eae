//! Whether this node leads, as the relay said last; up to when those that led have told everything, as they said
//! themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lacre_proto::{DeviceId, Millis};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Mark;

/// What the relay said of the lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Led {
    /// Who leads; `None` when nobody does.
    pub device: Option<DeviceId>,
    /// Whether that is this node.
    pub is_this: bool,
    /// For how long, unless it asks again.
    pub lasts: Duration,
}

/// What was said, and when.
#[derive(Debug, Clone, Copy)]
struct Heard {
    led: Led,
    at: Instant,
}

/// Whether this node leads. Clones are the same.
#[derive(Debug, Clone)]
pub struct Lead(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` for a node that needs nobody's leave.
    heard: Option<Mutex<Option<Heard>>>,
    mark: Mutex<Option<Mark>>,
    news: watch::Sender<u64>,
}

impl Lead {
    /// Of a node that is the only one, and asks nobody: it always leads.
    pub fn alone() -> Self {
        Self::new(None)
    }

    /// Of a node that does not lead before the relay has said so.
    pub fn asked() -> Self {
        Self::new(Some(Mutex::default()))
    }

    fn new(heard: Option<Mutex<Option<Heard>>>) -> Self {
        Self(Arc::new(Inner { heard, mark: Mutex::default(), news: watch::Sender::default() }))
    }

    /// The relay has said this, to what was asked at that time.
    pub fn hear(&self, led: Led, asked: Instant) {
        let Some(heard) = &self.0.heard else { return };
        let before = self.leads();
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Heard { led, at: asked });
        if before != self.leads() {
            tracing::info!(
                leads = !before,
                "whether this node tells programs what customers say has changed"
            );
        }
        self.0.news.send_modify(|it| *it += 1);
    }

    /// Whether this node leads. Where it has not been told so for as long as the lead lasts, it does not.
    pub fn leads(&self) -> bool {
        match (&self.0.heard, self.heard()) {
            (None, _) => true,
            (Some(_), Some(Heard { led, at })) => led.is_this && at.elapsed() < led.lasts,
            (Some(_), None) => false,
        }
    }

    /// Who leads, as the relay said last; `None` before it has said anything.
    pub fn led(&self) -> Option<Led> {
        let Heard { led, at } = self.heard()?;
        let passed = at.elapsed();
        let lasts = led.lasts.saturating_sub(passed);
        match lasts.is_zero() {
            true => Some(Led { device: None, is_this: false, lasts }),
            false => Some(Led { lasts, ..led }),
        }
    }

    /// This is the mark that the nodes hold.
    pub fn hold(&self, mark: Option<Mark>) {
        *self.0.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
    }

    /// The mark that the nodes hold.
    pub fn mark(&self) -> Option<Mark> {
        *self.0.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this node took before this time, the leaders have told for sure. By this machine's clock.
    pub fn told_before(&self, now: Millis) -> Option<Millis> {
        self.mark()?.sure(now)
    }

    /// Changes whenever the relay has said something.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }

    fn heard(&self) -> Option<Heard> {
        *self.0.heard.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(is_this: bool) -> Led {
        let device = Some(DeviceId([7; 16]));
        Led { device, is_this, lasts: Duration::from_secs(90) }
    }

    #[tokio::test(start_paused = true)]
    async fn the_lead_ends_by_itself() {
        let lead = Lead::asked();
        assert!(!lead.leads() && lead.led().is_none(), "nobody has said so");
        let asked = Instant::now();
        tokio::time::advance(Duration::from_secs(5)).await;
        lead.hear(led(true), asked);
        assert!(lead.leads());
        tokio::time::advance(Duration::from_secs(84)).await;
        assert!(lead.leads());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!lead.leads(), "counted from when it asked, not from when it heard");
        assert_eq!(lead.led().expect("heard").device, None);
        lead.hear(led(false), Instant::now());
        assert!(!lead.leads(), "another one does");
        assert!(Lead::alone().leads());
    }
}
