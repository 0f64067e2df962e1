//! Traces for OpenTelemetry: a span for each request, and below it one for each stage of what was made for it. Sent by OTLP over HTTP where
//! the standard variables name a collector.
//!
//! | span | kind | from, to |
//! |---|---|---|
//! | `POST /generate` (method and pattern of the address) | server | request, end of the answer's head; with a job, end of the job |
//! | `queue`, `text`, `tokens`, `decode` | internal | as `timings_ms` has them, one after the other |
//!
//! As in the log there is no prompt, no result's name and no key, but the name of its holder. Probes and scrapes leave no trace.

use super::metrics::known_method;
use crate::engine::Finished;
use crate::error::{Error, Result};
use axum::http::{HeaderMap, Method};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Span as _, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::Duration;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

/// For the last spans to be sent at the end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Name of what writes the spans.
const SCOPE: &str = "duet";

/// Sends spans while it lives, in the background; dropping it sends the rest.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// As the variables of the OpenTelemetry specification say; `None` where `OTEL_EXPORTER_OTLP_ENDPOINT` (or
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) is not set, or `OTEL_SDK_DISABLED` is true. Not for async code.
    ///
    /// # Errors
    /// `invalid_setting` when one of them is no good.
    pub fn from_environment() -> Result<Option<Self>> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_off = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        if is_off || !(set("OTEL_EXPORTER_OTLP_ENDPOINT") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) {
            return Ok(None);
        }
        Self::through(SpanExporter::builder().with_http().build()).map(Some)
    }

    fn through(exporter: std::result::Result<SpanExporter, ExporterBuildError>) -> Result<Self> {
        let exporter = exporter.map_err(|source| {
            let message =
                format!("traces cannot be sent as the variables OTEL_EXPORTER_OTLP_… say: {source}");
            Error::invalid("invalid_setting", message).with_source(source)
        })?;
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        global::set_tracer_provider(provider.clone());
        Ok(Self(provider))
    }

    /// What turns this server's `tracing` spans into spans that are sent, whatever the level of the log.
    pub fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let wanted = Targets::new()
            .with_target(SCOPE, LevelFilter::INFO)
            .with_target(super::observe::PROBES, LevelFilter::OFF);
        tracing_opentelemetry::layer::<Registry>()
            .with_tracer(self.0.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(wanted)
            .boxed()
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_WORDS) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Who we are, unless the variables say otherwise.
fn resource() -> Resource {
    let resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let said = Resource::builder().build().get(&"service.name".into());
    let is_named = said.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { resource.build() } else { resource.with_service_name(SCOPE).build() }
}

/// The span of a request begins: `parent` is what its headers say of the trace that it belongs to.
pub fn begin(span: &Span, method: &Method, route: &str, parent: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&Headers(parent));
    if parent.span().span_context().is_valid() {
        // Refused where nobody traces.
        let _ = span.set_parent(parent);
    }
    span.record("otel.kind", "server");
    let method = known_method(method);
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
    span.context().span().update_name(format!("{method} {route}"));
}

/// The request is answered.
pub fn answered(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// The stages of what was made, below the request's span.
pub fn stages(finished: &Finished) {
    let parent = Span::current().context();
    if !parent.span().span_context().is_sampled() {
        return;
    }
    let tracer = global::tracer(SCOPE);
    let timings = &finished.generated.timings;
    let mut begin = finished.created.checked_sub(finished.total).unwrap_or(finished.created);
    for (name, took) in [
        ("queue", finished.queue),
        ("text", timings.text),
        ("tokens", timings.tokens),
        ("decode", timings.decode),
    ] {
        let end = begin.checked_add(took).unwrap_or(begin);
        let about = [
            KeyValue::new("duet.model", finished.model.clone()),
            KeyValue::new("duet.frames", finished.request.frames as i64),
            KeyValue::new("duet.samples", finished.request.samples as i64),
        ];
        let stage = tracer.span_builder(name).with_start_time(begin).with_attributes(about);
        stage.start_with_context(&tracer, &parent).end_with_timestamp(end);
        begin = end;
    }
}

/// For the propagator.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::fake::{Control, LIMITS};
    use crate::server::tests::policy;
    use crate::server::{AppState, app};
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use opentelemetry_otlp::WithExportConfig;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, mpsc};
    use tower::ServiceExt;
    use tracing_subscriber::layer::SubscriberExt;

    /// A collector on loopback, its address, and what it is sent: line of the request and body.
    fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let (sender, received) = mpsc::sync_channel(64);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut lines, mut length) = (Vec::new(), 0);
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    let line = line.trim().to_lowercase();
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    lines.push(line);
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                sender.send((lines.swap_remove(0), body)).unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .unwrap();
            }
        });
        (address, received)
    }

    async fn ask(app: &axum::Router, method: Method, path: &str, body: &'static str) -> u16 {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .body(Body::from(body))
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        status
    }

    #[test]
    fn a_request_is_a_span_with_its_stages_below() {
        let (endpoint, received) = collector();
        let traces =
            Traces::through(SpanExporter::builder().with_http().with_endpoint(endpoint).build()).unwrap();
        let subscriber = Registry::default().with(vec![traces.layer()]);
        tracing::subscriber::with_default(subscriber, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let control = Arc::new(Control::default());
                let engine = Arc::new(Engine::start(vec![control.spec("mini")], None, LIMITS).unwrap());
                let app = app(AppState::new(engine, policy()).unwrap());
                let body = r#"{"prompt":"walk in secret"}"#;
                assert_eq!(ask(&app, Method::POST, "/generate", body).await, 200);
                let lines = r#"{"requests":[{"prompt":"walk in secret"}]}"#;
                assert_eq!(ask(&app, Method::POST, "/generate/batch", lines).await, 200);
                assert_eq!(ask(&app, Method::GET, "/livez", "").await, 200);
            });
        });
        drop(traces);
        let sent: Vec<_> = received.try_iter().collect();
        assert!(
            !sent.is_empty() && sent.iter().all(|(line, _)| line == "post /v1/traces http/1.1"),
            "{sent:?}"
        );
        let bytes: Vec<u8> = sent.into_iter().flat_map(|(_, body)| body).collect();
        let count = |what: &[u8]| bytes.windows(what.len()).filter(|window| *window == what).count();
        // A name stands after its length, as protocol buffers have it.
        for (name, times) in [
            ("POST /generate", 1),
            ("POST /generate/batch", 1),
            ("queue", 2),
            ("text", 2),
            ("tokens", 2),
            ("decode", 2),
        ] {
            let field = [&[42, name.len() as u8], name.as_bytes()].concat();
            assert_eq!(count(&field), times, "{name}");
        }
        let trace = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
        assert_eq!(count(&trace), 10, "the trace that the headers name");
        assert!(count(b"service.name") > 0 && count(b"mini") > 0);
        assert_eq!((count(b"secret"), count(b"livez")), (0, 0));
    }
}
