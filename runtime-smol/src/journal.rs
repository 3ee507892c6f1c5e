//! Keeps the events of the API: looks at what has changed as soon as the driver says so.

use crate::driver::{Handle, News};
use crate::serve::unix_ms;
use consort_web::events::Events;
use std::sync::Arc;

/// Runs until the node stops.
pub(crate) async fn keep(handle: Handle, events: Arc<Events>) {
    let news = News::default();
    handle.listen(news.clone());
    let mut changed = None;
    loop {
        let events = Arc::clone(&events);
        let look = move |view: consort_core::view::View<'_>, _| events.look(view, changed.as_ref(), unix_ms());
        if handle.read(look).await.is_none() {
            return;
        }
        changed = Some(news.take().await.agents);
    }
}
