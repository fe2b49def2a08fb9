//! A person at the identity provider's pages: opens them, fills in the forms, follows where they lead.
//! It knows forms, cookies and redirects, nothing of Keycloak but the names of its fields.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Certificate, Client, Response, Url};
use scraper::{ElementRef, Html, Selector};

/// How many pages one sign-in may take before something is going in circles.
const MOST_PAGES: usize = 8;

/// A browser session of its own: cookies, one trusted CA, one name that resolves to one address.
pub struct Browser {
    client: Client,
}

/// A form as it stands on a page: where it goes and what it sends unless told otherwise.
struct Form {
    action: Url,
    fields: Vec<(String, String)>,
    asks_password: bool,
}

impl Browser {
    /// Trusts `ca` (PEM) and finds `host` at `address`.
    pub fn new(ca: &[u8], host: &str, address: SocketAddr) -> Result<Self> {
        let client = Client::builder()
            .cookie_store(true)
            .https_only(true)
            .timeout(Duration::from_secs(20))
            .resolve(host, address)
            .tls_certs_only([Certificate::from_pem(ca).context("reading the provider's CA")?])
            .build()
            .context("making the browser's HTTP client")?;
        Ok(Self { client })
    }

    /// Opens `url`, signs in as `username` and agrees to what is asked, until no form is left.
    /// Returns the text of the last page.
    pub async fn sign_in(&self, url: &str, username: &str, password: &str) -> Result<String> {
        let mut page = self.client.get(url).send().await.with_context(|| format!("opening {url}"))?;
        let mut passwords_given = 0;
        for _ in 0..MOST_PAGES {
            let (form, text) = read(page).await?;
            let Some(form) = form else { return Ok(text) };
            if form.asks_password {
                passwords_given += 1;
                if passwords_given > 1 {
                    bail!("the identity provider asks {username} for the password again: {text}");
                }
            }
            let fields = filled(form.fields, username, password);
            page = self
                .client
                .post(form.action.clone())
                .form(&fields)
                .send()
                .await
                .with_context(|| format!("sending the form to {}", form.action))?;
        }
        bail!("after {MOST_PAGES} pages the sign-in of {username} is still not finished")
    }
}

async fn read(page: Response) -> Result<(Option<Form>, String)> {
    let (status, at) = (page.status(), page.url().clone());
    let body = page.text().await.with_context(|| format!("reading {at}"))?;
    let (form, text) = parse(&body, &at)?;
    if !status.is_success() {
        bail!("{at} answered {status}: {text}");
    }
    Ok((form, text))
}

fn parse(body: &str, at: &Url) -> Result<(Option<Form>, String)> {
    let html = Html::parse_document(body);
    let text = text_of(&html)?;
    let Some(form) = html.select(&selector("form[method=post], form[method=POST]")?).next() else {
        return Ok((None, text));
    };
    let action = at.join(form.attr("action").unwrap_or("")).context("reading where the form goes")?;
    let mut fields = Vec::new();
    let mut asks_password = false;
    for input in form.select(&selector("input[name]")?) {
        let (Some(name), kind) = (input.attr("name"), input.attr("type").unwrap_or("text")) else { continue };
        asks_password |= kind == "password";
        if is_sent(input, kind, name) {
            fields.push((name.to_owned(), input.attr("value").unwrap_or("").to_owned()));
        }
    }
    for button in form.select(&selector("button[name]")?) {
        if let Some(name) = button.attr("name").filter(|name| agrees(name)) {
            fields.push((name.to_owned(), button.attr("value").unwrap_or("").to_owned()));
        }
    }
    Ok((Some(Form { action, fields, asks_password }), text))
}

/// A person presses one button; of several it is the one that goes on.
fn is_sent(input: ElementRef<'_>, kind: &str, name: &str) -> bool {
    match kind {
        "submit" | "button" | "image" => agrees(name),
        "checkbox" | "radio" => input.attr("checked").is_some(),
        _ => true,
    }
}

fn agrees(name: &str) -> bool {
    !matches!(name, "cancel" | "decline" | "reject")
}

fn filled(fields: Vec<(String, String)>, username: &str, password: &str) -> Vec<(String, String)> {
    fields
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "username" => (name, username.to_owned()),
            "password" => (name, password.to_owned()),
            _ => (name, value),
        })
        .collect()
}

fn text_of(html: &Html) -> Result<String> {
    let mut words = Vec::new();
    for body in html.select(&selector("#kc-content, main, .pf-v5-c-login__main, body")?).take(1) {
        words.extend(body.text().flat_map(str::split_whitespace));
    }
    Ok(words.join(" ").chars().take(400).collect())
}

fn selector(css: &str) -> Result<Selector> {
    Selector::parse(css).map_err(|error| anyhow::anyhow!("selector \"{css}\": {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = r#"<html><body><form id="kc-form-login" method="post" action="/realms/hq/auth?x=1&amp;y=2">
        <input name="username" type="text"><input name="password" type="password">
        <input type="hidden" name="credentialId" value="7"><input type="checkbox" name="rememberMe">
        <input type="submit" name="cancel" value="No"><input type="submit" name="login" value="Sign In"></form></body></html>"#;

    #[test]
    fn a_form_is_filled_in_as_a_person_would() {
        let (form, _) = parse(LOGIN, &Url::parse("https://sso.hq.example/device").unwrap()).unwrap();
        let form = form.unwrap();
        assert_eq!(form.action.as_str(), "https://sso.hq.example/realms/hq/auth?x=1&y=2");
        assert!(form.asks_password);
        let sent = filled(form.fields, "alice", "secret");
        let names: Vec<_> = sent.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["username", "password", "credentialId", "login"]);
        assert_eq!(sent[1].1, "secret");
    }

    #[test]
    fn a_page_without_a_form_is_the_end() {
        let (form, text) = parse(
            "<body><h1>Device Login Successful</h1></body>",
            &Url::parse("https://x.example/").unwrap(),
        )
        .unwrap();
        assert!(form.is_none());
        assert_eq!(text, "Device Login Successful");
    }
}
