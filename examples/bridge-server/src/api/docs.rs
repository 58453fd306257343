//! The API's document, generated from the code, and a page that shows it without any network.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    http::{
        HeaderValue,
        header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::{Next, from_fn},
    routing::get,
};
use serde::Serialize;
use utoipa::{
    IntoResponses, OpenApi as _, ToSchema,
    openapi::{
        Content, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        schema::Type,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::{Details, MEDIA_TYPE};

/// A whole list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// Everything.
    pub(crate) items: Vec<T>,
}

/// The document before any route is in it.
pub(crate) fn frame() -> OpenApi {
    Frame::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "trunkline bridge server",
        description = "Calls, transcripts, recordings and figures of a bridge between Twilio and a \
                       realtime model, and which agent answers which number.\n\nEvery error is a \
                       problem detail (RFC 9457). Times are RFC 3339 in UTC."
    ),
    tags(
        (name = "calls", description = "What was said on which call."),
        (name = "analytics", description = "Figures over all calls."),
        (name = "agents", description = "What the model is told to be, and what it may do."),
        (name = "numbers", description = "Which agent answers which number."),
        (name = "schedule", description = "What callers can book, and what it costs."),
        (name = "status", description = "What is happening now."),
    ),
    paths(super::health::health),
    components(schemas(Details)),
)]
struct Frame;

/// Adds what holds for every operation: the key, and the errors that any of them can end in.
pub(crate) fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert(
        SCHEME.to_owned(),
        RefOr::T(SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer))),
    );
    for (name, _, description) in ERRORS {
        let mut response = ResponseBuilder::new().description(*description).content(
            MEDIA_TYPE,
            Content::new(Some(Ref::from_schema_name("Problem"))),
        );
        for header in headers(name) {
            let text = ObjectBuilder::new().schema_type(Type::String);
            response = response.header(*header, HeaderBuilder::new().schema(Some(text)).build());
        }
        components
            .responses
            .insert((*name).to_owned(), RefOr::T(response.build()));
    }
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let takes_body = operation.request_body.is_some();
            let responses = &mut operation.responses.responses;
            responses.extend(errors(&["Failed"]));
            if operation.security.is_some() {
                continue;
            }
            operation.security = Some(vec![SecurityRequirement::new(SCHEME, [""; 0])]);
            responses.extend(errors(&["Unauthorized", "Unavailable"]));
            if takes_body {
                responses.extend(errors(&["Unreadable", "TooSlow", "TooLarge", "NotJson"]));
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

/// `GET /api/openapi.json` and the page at `/api/docs`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    let json: Arc<str> = document.to_json().unwrap_or_default().into();
    let page = SwaggerUi::new("/api/docs").config(
        Config::from(DOCUMENT_PATH)
            // Otherwise the page would send the document to validator.swagger.io.
            .validator_url("none")
            .try_it_out_enabled(true)
            .display_request_duration(true),
    );
    Router::from(page)
        .route(
            DOCUMENT_PATH,
            get(move || async move {
                (
                    [(axum::http::header::CONTENT_TYPE, "application/json")],
                    json.to_string(),
                )
            }),
        )
        .layer(from_fn(async |request, next: Next| {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(ONLY_FROM_HERE),
            );
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        }))
}

/// The query is wrong.
pub(crate) struct Invalid;
/// A field of the body is wrong.
pub(crate) struct InvalidBody;
/// There is nothing of that name.
pub(crate) struct NotFound;
/// Something else stands against it.
pub(crate) struct Conflict;
/// It was there once.
pub(crate) struct Gone;
/// The range is not in the file.
pub(crate) struct NoSuchRange;

impl IntoResponses for Invalid {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&["Invalid"])
    }
}

impl IntoResponses for InvalidBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&["InvalidBody"])
    }
}

impl IntoResponses for NotFound {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&["NotFound"])
    }
}

impl IntoResponses for Conflict {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&["Conflict"])
    }
}

impl IntoResponses for Gone {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&["Gone"])
    }
}

impl IntoResponses for NoSuchRange {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&["NoSuchRange"])
    }
}

fn errors(names: &[&str]) -> BTreeMap<String, RefOr<Response>> {
    ERRORS
        .iter()
        .filter(|(name, ..)| names.contains(name))
        .map(|(name, status, _)| {
            let response = Ref::from_response_name(*name);
            (status.to_string(), RefOr::Ref(response))
        })
        .collect()
}

fn headers(error: &str) -> &'static [&'static str] {
    match error {
        "Unauthorized" => &["WWW-Authenticate"],
        "Unavailable" => &["Retry-After"],
        "NoSuchRange" => &["Content-Range"],
        _ => &[],
    }
}

/// Name, status and description of every error.
const ERRORS: &[(&str, u16, &str)] = &[
    ("Invalid", 400, "A parameter is wrong; `errors` lists all."),
    ("Unreadable", 400, "The body is not JSON."),
    ("Unauthorized", 401, "The key is missing or wrong."),
    ("NotFound", 404, "There is nothing of that name."),
    ("TooSlow", 408, "The body did not come in time."),
    ("Conflict", 409, "Something else stands against it."),
    (
        "Gone",
        410,
        "It was there once, and was removed by the retention setting.",
    ),
    ("TooLarge", 413, "The body is longer than 256 KiB."),
    ("NotJson", 415, "The body is not `application/json`."),
    ("NoSuchRange", 416, "The file has none of these bytes."),
    ("InvalidBody", 422, "A field is wrong; `errors` lists all."),
    ("Failed", 500, "The server has failed."),
    (
        "Unavailable",
        503,
        "The database does not answer, or too many are served already.",
    ),
];
const SCHEME: &str = "key";
const DOCUMENT_PATH: &str = "/api/openapi.json";
/// Whatever the page's scripts may want to load, it comes from this server or not at all.
const ONLY_FROM_HERE: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                              img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                              form-action 'none'; frame-ancestors 'none'";
