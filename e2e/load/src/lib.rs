//! Devices that write without pause (`load`), what others were given of it (`reading`), and the account of every single
//! message (`ledger`). Through the client library, whatever the services run in.

pub mod ledger;
mod load;
mod pace;
mod reading;

pub use load::{Connected, Load, Writer};
pub use pace::Pace;
pub use reading::Reading;

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::timeout;
use wickr_base::{MessageId, RoomId};
use wickr_sdk::{Client, Delivery};

/// For whatever a device waits for while its relay is killed, and pods and volumes are made.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Waits for the acknowledgement of a message; gives its delivery.
pub async fn delivered(client: &Client, room: &RoomId, id: MessageId) -> Result<Delivery> {
    let delivery = timeout(PATIENCE, client.delivery(room, id)).await;
    match delivery {
        Ok(Ok(acknowledged @ Delivery::Acknowledged { .. })) => Ok(acknowledged),
        other => bail!("it was not acknowledged: {other:?}, {:#?}", client.status()),
    }
}
