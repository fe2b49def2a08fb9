//! What the provider double (`idp`) answers with: discovery, keys, tokens, grants, revocation.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::form_urlencoded;
use wickr_base::Clock as _;

use super::idp::{CLIENT_ID, CLIENT_SECRET, Grant, Inner, Refreshing, Twist};
use super::wire;
use crate::public::hash;

pub(super) async fn serve(tcp: TcpListener, tls: TlsAcceptor, inner: Arc<Inner>) {
    let app = Router::new()
        .route("/realms/hq/.well-known/openid-configuration", get(discovery))
        .route("/realms/hq/keys", get(keys))
        .route("/realms/hq/token", post(token))
        .route("/realms/hq/device", post(begin_grant))
        .route("/realms/hq/revoke", post(give_back))
        .layer(from_fn_with_state(Arc::clone(&inner), around))
        .with_state(Arc::clone(&inner));
    loop {
        let Ok((socket, _)) = tcp.accept().await else { return };
        if inner.behaviour.lock().down {
            continue;
        }
        let (tls, app, inner) = (tls.clone(), app.clone(), Arc::clone(&inner));
        tokio::spawn(async move {
            let Ok(mut stream) = tls.accept(socket).await else { return };
            let Some((head, path)) = wire::request(&mut stream).await else { return };
            let hostile = inner.behaviour.lock().wire.clone().filter(|(at, _)| *at == path);
            if let Some((_, wire)) = hostile {
                *inner.seen.lock().asked.entry(path).or_default() += 1;
                return wire::answer(&wire, stream, &inner.served).await;
            }
            let (rest, writer) = tokio::io::split(stream);
            let stream = tokio::io::join(std::io::Cursor::new(head).chain(rest), writer);
            let service = TowerToHyperService::new(app);
            let _ = hyper::server::conn::http1::Builder::new()
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Counts, and tells the provider's time instead of the machine's.
async fn around(State(idp): State<Arc<Inner>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    *idp.seen.lock().asked.entry(path).or_default() += 1;
    let mut response = next.run(request).await;
    let at = idp.clock.now().seconds() + idp.behaviour.lock().date_offset_s;
    let date = chrono::DateTime::from_timestamp(at, 0).unwrap();
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers_mut().insert(header::DATE, date.parse().unwrap());
    if idp.behaviour.lock().no_date {
        response.headers_mut().remove(header::DATE);
    }
    response
}

fn document(twist: Twist, right: &Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    match twist {
        Twist::None => (json, right.to_string()).into_response(),
        Twist::Redirect => {
            (StatusCode::FOUND, [(header::LOCATION, "https://localhost/elsewhere")]).into_response()
        }
        Twist::Huge => (json, format!("{{\"x\":\"{}\"}}", "x".repeat(512 * 1024))).into_response(),
        Twist::Slow => {
            let never = futures::stream::pending::<Result<Bytes, std::convert::Infallible>>();
            Body::from_stream(never).into_response()
        }
        Twist::Garbage => (json, "{\"issuer\": ").into_response(),
        Twist::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

async fn discovery(State(idp): State<Arc<Inner>>) -> Response {
    let behaviour = idp.behaviour.lock().clone();
    let at = |path: &str| format!("{}/{path}", idp.issuer);
    let token =
        if behaviour.plain_token_endpoint { at("token").replace("https", "http") } else { at("token") };
    let mut right = json!({
        "issuer": behaviour.issuer.as_deref().unwrap_or(&idp.issuer),
        "authorization_endpoint": at("auth"),
        "token_endpoint": token,
        "jwks_uri": at("keys"),
        "revocation_endpoint": at("revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported":
            behaviour.algorithms.unwrap_or_else(|| vec!["ES256", "RS256", "PS256", "XX999"]),
    });
    if !behaviour.no_device_grant {
        right["device_authorization_endpoint"] = json!(at("device"));
    }
    if behaviour.names_itself {
        right["authorization_response_iss_parameter_supported"] = json!(true);
    }
    instead(&mut right, behaviour.also.as_ref());
    document(behaviour.discovery, &right)
}

/// Puts members in place of others.
fn instead(json: &mut Value, members: Option<&Value>) {
    for (name, value) in members.and_then(Value::as_object).into_iter().flatten() {
        json[name] = value.clone();
    }
}

async fn keys(State(idp): State<Arc<Inner>>) -> Response {
    let behaviour = idp.behaviour.lock().clone();
    document(behaviour.keys, &idp.keys.jwks(behaviour.publishes_new_key))
}

fn error(code: &str) -> Response {
    let body = json!({"error": code, "error_description": format!("said the double: {code}")});
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The form, when the client has shown its secret (RFC 6749 section 2.3.1).
fn authenticated(
    idp: &Inner,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<HashMap<String, String>, &'static str> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let right =
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET))));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&right) || idp.behaviour.lock().refuses_client {
        return Err("invalid_client");
    }
    Ok(form_urlencoded::parse(body).into_owned().collect())
}

async fn begin_grant(State(idp): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(code) = authenticated(&idp, &headers, &body) {
        return error(code);
    }
    let mut seen = idp.seen.lock();
    seen.made += 1;
    let made = seen.made;
    seen.grants.insert(format!("device-{made}"), Grant::Waiting);
    let mut answer = json!({
        "device_code": format!("device-{made}"), "user_code": format!("user-{made}"),
        "verification_uri": format!("{}/type", idp.issuer),
        "verification_uri_complete": format!("{}/type?user_code=user-{made}", idp.issuer),
        "expires_in": 600, "interval": 5,
    });
    instead(&mut answer, idp.behaviour.lock().grant.as_ref());
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

async fn give_back(State(idp): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    match authenticated(&idp, &headers, &body) {
        Err(code) => error(code),
        Ok(form) => {
            idp.seen.lock().given_back.push(form["token"].clone());
            StatusCode::OK.into_response()
        }
    }
}

async fn token(State(idp): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = match authenticated(&idp, &headers, &body) {
        Err(code) => return error(code),
        Ok(form) => form,
    };
    if let Some((code, description)) = idp.behaviour.lock().refusal.clone() {
        let body = json!({"error": code, "error_description": description});
        let json = [(header::CONTENT_TYPE, "application/json")];
        return (StatusCode::BAD_REQUEST, json, body.to_string()).into_response();
    }
    let refreshes = form["grant_type"] == "refresh_token";
    let granted = match form["grant_type"].as_str() {
        "authorization_code" => by_code(&idp, &form),
        "urn:ietf:params:oauth:grant-type:device_code" => by_grant(&idp, &form),
        "refresh_token" => {
            if idp.behaviour.lock().holds_refresh {
                idp.reached.notify_one();
                idp.release.notified().await;
            }
            by_refresh(&idp, &form)
        }
        _ => Err("unsupported_grant_type"),
    };
    match granted {
        Ok((subject, nonce)) => tokens(&idp, &subject, nonce, refreshes),
        Err(code) => error(code),
    }
}

type Granted = Result<(String, Option<String>), &'static str>;

fn by_code(idp: &Inner, form: &HashMap<String, String>) -> Granted {
    let code = idp.seen.lock().codes.remove(&form["code"]).ok_or("invalid_grant")?;
    let challenge = URL_SAFE_NO_PAD.encode(hash(form["code_verifier"].as_bytes()));
    if challenge != code.challenge || form["redirect_uri"] != code.redirect {
        return Err("invalid_grant");
    }
    Ok((code.subject, Some(code.nonce)))
}

fn by_grant(idp: &Inner, form: &HashMap<String, String>) -> Granted {
    let mut behaviour = idp.behaviour.lock();
    if std::mem::take(&mut behaviour.slow_down_once) {
        return Err("slow_down");
    }
    let mut seen = idp.seen.lock();
    match seen.grants.get(&form["device_code"]).cloned() {
        None => Err("invalid_grant"),
        Some(Grant::Waiting) => Err("authorization_pending"),
        Some(Grant::Denied) => Err("access_denied"),
        Some(Grant::Expired) => Err("expired_token"),
        Some(Grant::Approved(subject)) => {
            seen.grants.remove(&form["device_code"]);
            Ok((subject, None))
        }
    }
}

fn by_refresh(idp: &Inner, form: &HashMap<String, String>) -> Granted {
    match idp.behaviour.lock().refreshing {
        Refreshing::Honour => {}
        Refreshing::Refuse(code) => return Err(code),
        Refreshing::ServerError => return Err("server_error"),
        Refreshing::OtherSubject => return Ok(("mallory".to_owned(), None)),
    }
    // Each refresh token works once, as with providers that replace them.
    let subject = idp.seen.lock().refresh.remove(&form["refresh_token"]).ok_or("invalid_grant")?;
    Ok((subject, None))
}

fn tokens(idp: &Inner, subject: &str, nonce: Option<String>, refreshes: bool) -> Response {
    let behaviour = idp.behaviour.lock().clone();
    let mut seen = idp.seen.lock();
    seen.made += 1;
    let access = format!("access-{}", seen.made);
    let refresh = format!("refresh-{}", seen.made);
    seen.refresh.insert(refresh.clone(), subject.to_owned());
    let now = idp.clock.now().seconds();
    let hashed = if behaviour.wrong_at_hash { "other" } else { access.as_str() };
    let mut claims = json!({
        "iss": idp.issuer, "sub": format!("subject of {subject}"), "aud": CLIENT_ID,
        "iat": now, "exp": now + 300, "preferred_username": subject,
        "at_hash": URL_SAFE_NO_PAD.encode(&hash(hashed.as_bytes())[..16]),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if let Some(twist) = &behaviour.claims {
        twist(&mut claims);
    }
    let mut payload = claims.to_string();
    if let Some(raw) = behaviour.raw_claims {
        payload.insert_str(1, raw);
    }
    let id_token = idp.keys.sign(&payload, behaviour.signing, behaviour.header.as_ref(), CLIENT_SECRET);
    let mut answer = json!({
        "access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": id_token,
    });
    if refreshes && behaviour.no_id_token_at_refresh {
        answer.as_object_mut().unwrap().remove("id_token");
    }
    if !behaviour.no_refresh_token {
        answer["refresh_token"] = json!(behaviour.refresh_token.unwrap_or(refresh));
    }
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}
