//! The table `flows`: sign-ins under way, one row whatever the way and the stage.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use wickr_base::UnixMillis;
use wickr_model::{DeviceKey, Flow, FlowId, Person, ProviderRef, RefusedBy, Sealed, Stage, Subject, Way};
use wickr_store::directory::{DirectoryError, Flows};

use crate::row::{Columns, engine, millis};
use crate::transaction::Table;

fn read(row: &SqliteRow) -> Result<Flow, DirectoryError> {
    let columns = Columns::new("flows", row);
    Ok(Flow {
        id: FlowId(columns.sixteen("id")?),
        key: DeviceKey { spki: columns.need("spki")?, thumbprint: columns.need("thumbprint")? },
        provider: ProviderRef { issuer: columns.need("issuer")?, client_id: columns.need("client_id")? },
        way: way(&columns)?,
        stage: stage(&columns)?,
        expires_at: columns.time("expires_at")?,
    })
}

fn way(columns: &Columns<'_>) -> Result<Way, DirectoryError> {
    Ok(match columns.get::<Option<Vec<u8>>>("device_code")? {
        Some(code) => Way::Device {
            device_code: Sealed(code),
            interval: columns.span("interval_ms")?,
            ask_at: columns.time("ask_at")?,
        },
        None => Way::Code {
            state_hash: columns.bytes("state_hash")?,
            nonce: columns.need("nonce")?,
            verifier: Sealed(columns.need("verifier")?),
        },
    })
}

fn stage(columns: &Columns<'_>) -> Result<Stage, DirectoryError> {
    Ok(match columns.need::<&str>("stage")? {
        "Waiting" => Stage::Waiting,
        "SignedIn" => Stage::SignedIn {
            person: Person {
                subject: Subject {
                    issuer: columns.need("person_issuer")?,
                    subject: columns.need("person_subject")?,
                },
                username: columns.need("person_username")?,
            },
            refresh: columns.get::<Option<Vec<u8>>>("refresh")?.map(Sealed),
        },
        "Done" => Stage::Done { device: columns.device("device")? },
        "Refused" => Stage::Refused {
            by: refused_by(columns.need("refused_by")?)
                .ok_or_else(|| columns.unreadable("refused_by", "it is unknown"))?,
            detail: columns.need("detail")?,
        },
        other => return Err(columns.unreadable("stage", format!("\"{other}\" is unknown"))),
    })
}

const REFUSERS: [(RefusedBy, &str); 3] =
    [(RefusedBy::Provider, "Provider"), (RefusedBy::Check, "Check"), (RefusedBy::Time, "Time")];

fn refused_by(text: &str) -> Option<RefusedBy> {
    REFUSERS.into_iter().find(|(_, name)| *name == text).map(|(by, _)| by)
}

fn refuser_name(by: RefusedBy) -> &'static str {
    REFUSERS.into_iter().find(|(one, _)| *one == by).map_or("Check", |(_, name)| name)
}

/// The stage as columns: name, person, refresh token, device, refuser, detail.
#[derive(Default)]
struct StageColumns<'f> {
    stage: &'static str,
    person: Option<&'f Person>,
    refresh: Option<&'f [u8]>,
    device: Option<&'f [u8]>,
    refused_by: Option<&'static str>,
    detail: Option<&'f str>,
}

fn stage_columns(stage: &Stage) -> StageColumns<'_> {
    match stage {
        Stage::Waiting => StageColumns { stage: "Waiting", ..Default::default() },
        Stage::SignedIn { person, refresh } => StageColumns {
            stage: "SignedIn",
            person: Some(person),
            refresh: refresh.as_ref().map(|sealed| sealed.0.as_slice()),
            ..Default::default()
        },
        Stage::Done { device } => {
            StageColumns { stage: "Done", device: Some(device.as_bytes()), ..Default::default() }
        }
        Stage::Refused { by, detail } => StageColumns {
            stage: "Refused",
            refused_by: Some(refuser_name(*by)),
            detail: Some(detail),
            ..Default::default()
        },
    }
}

/// The way as columns: state hash, nonce, verifier; device code, interval, when to ask.
#[derive(Default)]
struct WayColumns<'f> {
    state_hash: Option<&'f [u8]>,
    nonce: Option<&'f str>,
    verifier: Option<&'f [u8]>,
    device_code: Option<&'f [u8]>,
    interval_ms: Option<i64>,
    ask_at: Option<i64>,
}

fn way_columns(way: &Way) -> WayColumns<'_> {
    match way {
        Way::Code { state_hash, nonce, verifier } => WayColumns {
            state_hash: Some(state_hash),
            nonce: Some(nonce),
            verifier: Some(&verifier.0),
            ..Default::default()
        },
        Way::Device { device_code, interval, ask_at } => WayColumns {
            device_code: Some(&device_code.0),
            interval_ms: Some(millis(*interval)),
            ask_at: Some(ask_at.0),
            ..Default::default()
        },
    }
}

#[async_trait]
impl Flows for Table<'_> {
    async fn lookup(&mut self, id: FlowId) -> Result<Option<Flow>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM flows WHERE id = ?")
            .bind(id.0.as_slice())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| "looking up a sign-in".to_owned()))?;
        row.as_ref().map(read).transpose()
    }

    async fn lookup_state(&mut self, state_hash: &[u8; 32]) -> Result<Option<Flow>, DirectoryError> {
        let row = sqlx::query("SELECT * FROM flows WHERE state_hash = ?")
            .bind(state_hash.as_slice())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(engine(|| "looking up a sign-in by its state".to_owned()))?;
        row.as_ref().map(read).transpose()
    }

    async fn add(&mut self, flow: &Flow) -> Result<(), DirectoryError> {
        let (way, stage) = (way_columns(&flow.way), stage_columns(&flow.stage));
        sqlx::query(
            "INSERT INTO flows (id, spki, thumbprint, issuer, client_id, state_hash, nonce, verifier, \
             device_code, interval_ms, ask_at, stage, person_issuer, person_subject, person_username, refresh, \
             device, refused_by, detail, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(flow.id.0.as_slice())
        .bind(&flow.key.spki)
        .bind(&flow.key.thumbprint)
        .bind(&flow.provider.issuer)
        .bind(&flow.provider.client_id)
        .bind(way.state_hash)
        .bind(way.nonce)
        .bind(way.verifier)
        .bind(way.device_code)
        .bind(way.interval_ms)
        .bind(way.ask_at)
        .bind(stage.stage)
        .bind(stage.person.map(|person| person.subject.issuer.as_str()))
        .bind(stage.person.map(|person| person.subject.subject.as_str()))
        .bind(stage.person.map(|person| person.username.as_str()))
        .bind(stage.refresh)
        .bind(stage.device)
        .bind(stage.refused_by)
        .bind(stage.detail)
        .bind(flow.expires_at.0)
        .execute(&mut *self.connection)
        .await
        .map_err(engine(|| "adding a sign-in".to_owned()))?;
        Ok(())
    }

    async fn save(&mut self, flow: &Flow) -> Result<(), DirectoryError> {
        let (way, stage) = (way_columns(&flow.way), stage_columns(&flow.stage));
        sqlx::query(
            "UPDATE flows SET interval_ms = ?, ask_at = ?, stage = ?, person_issuer = ?, person_subject = ?, \
             person_username = ?, refresh = ?, device = ?, refused_by = ?, detail = ? WHERE id = ?",
        )
        .bind(way.interval_ms)
        .bind(way.ask_at)
        .bind(stage.stage)
        .bind(stage.person.map(|person| person.subject.issuer.as_str()))
        .bind(stage.person.map(|person| person.subject.subject.as_str()))
        .bind(stage.person.map(|person| person.username.as_str()))
        .bind(stage.refresh)
        .bind(stage.device)
        .bind(stage.refused_by)
        .bind(stage.detail)
        .bind(flow.id.0.as_slice())
        .execute(&mut *self.connection)
        .await
        .map_err(engine(|| "saving a sign-in".to_owned()))?;
        Ok(())
    }

    async fn remove_ended(&mut self, before: UnixMillis) -> Result<u64, DirectoryError> {
        let done = sqlx::query("DELETE FROM flows WHERE expires_at < ?")
            .bind(before.0)
            .execute(&mut *self.connection)
            .await
            .map_err(engine(|| "removing ended sign-ins".to_owned()))?;
        Ok(done.rows_affected())
    }

    async fn count(&mut self) -> Result<u64, DirectoryError> {
        Table::count(self, "SELECT count(*) FROM flows").await
    }
}
