//! The middleware that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::middleware::Next;
use axum::response::Response;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use jiff::Timestamp;

use super::Effect;
use super::labels::Labels;
use super::series::Series;
use crate::state::State;

/// A request that is being answered; it is counted when the last who holds this lets go.
pub(crate) struct Underway {
    state: Arc<State>,
    series: Arc<Series>,
    course: Course,
    begun: Timestamp,
    /// 0 until there is an answer.
    code: AtomicU16,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Short(Effect),
    Long,
}

impl Underway {
    fn begin(state: Arc<State>, labels: &Labels<'_>) -> Self {
        let series = state.metrics.series(&state, labels);
        let course = if labels.is_long() {
            series.long.fetch_add(1, Ordering::Relaxed);
            Course::Long
        } else {
            let effect = labels.effect();
            let counter = state.metrics.inflight(effect);
            counter.fetch_add(1, Ordering::Relaxed);
            Course::Short(effect)
        };
        Self {
            begun: state.now(),
            state,
            series,
            course,
            code: AtomicU16::new(0),
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        match self.course {
            Course::Long => self.series.long.fetch_sub(1, Ordering::Relaxed),
            Course::Short(effect) => {
                let counter = self.state.metrics.inflight(effect);
                counter.fetch_sub(1, Ordering::Relaxed)
            }
        };
        let took = self.state.now().duration_since(self.begun);
        // Without an answer the client went before; upstream counts that as 0 too.
        self.series.ended(self.code.load(Ordering::Relaxed), took);
    }
}

pub(crate) async fn count(
    Shared(state): Shared<Arc<State>>,
    mut request: Request,
    next: Next,
) -> Response {
    let uri = request.uri();
    let labels = Labels::of(request.method(), uri.path(), uri.query(), request.headers());
    let underway = Arc::new(Underway::begin(state, &labels));
    if underway.course == Course::Long {
        request.extensions_mut().insert(Arc::clone(&underway));
    }
    let response = next.run(request).await;
    let code = response.status().as_u16();
    underway.code.store(code, Ordering::Relaxed);
    // A body of known length is there already. What comes of a changed protocol holds a copy of its own.
    let streams = response.body().size_hint().exact().is_none();
    if underway.course == Course::Long && streams {
        return response.map(|body| keeping(body, underway));
    }
    response
}

/// The body, which holds `underway` until it ends.
fn keeping(body: Body, underway: Arc<Underway>) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _held = &underway;
        frame
    }))
}
