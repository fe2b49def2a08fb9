//! Staging key packages: a device's pool is a run of numbered slots, taken from the front.

use std::collections::HashSet;

use bytes::Bytes;
use wickr_base::{DeviceId, UnixMillis, UserId};
use wickr_store::queue::{
    Claimed, ClaimedPackage, MAX_POOL, PoolCount, PoolEntry, Publish, Refused, StoreError,
};

use crate::error::step;
use crate::keys;
use crate::records::{self, Package, Pool};
use crate::stage::{Stage, Stop};

impl Stage<'_> {
    pub(crate) fn publish(&mut self, publish: &Publish) -> Result<PoolCount, Stop> {
        let (user, device) = (publish.user, publish.device);
        if self.get(&keys::revoked(device))?.is_some() {
            return Err(Refused::Revoked(device).into());
        }
        let key = keys::pool(user, device);
        let before = self.decoded::<Pool>("a pool", &key)?;
        let mut pool = before.unwrap_or_default();
        let mut ended = Vec::new();
        if publish.replace {
            ended.extend(pool.first..pool.next);
            pool.first = pool.next;
        }
        while let Some(package) = self.front(device, pool)? {
            if package.not_after > self.now.0 {
                break;
            }
            ended.push(pool.first);
            pool.first += 1;
        }
        if pool.next - pool.first + publish.one_time.len() as u64 > u64::from(MAX_POOL) {
            return Err(Refused::Full(device).into());
        }
        for at in ended {
            self.remove_large(keys::package(device, at));
        }
        for entry in &publish.one_time {
            self.put_large(keys::package(device, pool.next), encode(entry));
            pool.next += 1;
        }
        if let Some(entry) = &publish.last_resort {
            self.put_large(keys::last_resort(device), encode(entry));
            pool.last_resort = true;
        } else if publish.replace && pool.last_resort {
            self.remove_large(keys::last_resort(device));
            pool.last_resort = false;
        }
        if before.is_none() {
            self.put(keys::pool_owner(device), user.as_bytes().as_slice().into());
        }
        self.put(key, records::encode(&pool));
        Ok(count(pool, self.last_resort(device, pool, self.now)?.is_some()))
    }

    fn front(&self, device: DeviceId, pool: Pool) -> Result<Option<Package>, StoreError> {
        if pool.first >= pool.next {
            return Ok(None);
        }
        let value = self.large(&keys::package(device, pool.first))?;
        value.map(|value| records::decode("a key package", &value)).transpose()
    }

    pub(crate) fn claim(
        &mut self,
        users: &[UserId],
        kept: &[UserId],
        live_at: UnixMillis,
    ) -> Result<Claimed, Stop> {
        let mut claimed = Claimed::default();
        let mut seen = HashSet::new();
        for user in users.iter().filter(|user| seen.insert(**user)) {
            for device in self.devices_of(*user)? {
                match self.take(*user, device, live_at, kept.contains(user))? {
                    Some(package) => claimed.packages.push(ClaimedPackage { user: *user, device, package }),
                    None => claimed.without.push((*user, device)),
                }
            }
        }
        Ok(claimed)
    }

    /// Devices with a pool. One that published in this very batch may be missing: its answer is not out yet. One that
    /// was revoked in it is left out.
    fn devices_of(&self, user: UserId) -> Result<Vec<DeviceId>, StoreError> {
        let mut devices = Vec::new();
        for found in self.tables.records.prefix(keys::pools_of(user)) {
            let key = step("scanning a person's devices", found.key())?;
            let device = keys::pool_device(&key).ok_or(StoreError::Unreadable { what: "a pool's key" })?;
            if self.get(&key)?.is_some() {
                devices.push(device);
            }
        }
        Ok(devices)
    }

    fn take(
        &mut self,
        user: UserId,
        device: DeviceId,
        live_at: UnixMillis,
        keep: bool,
    ) -> Result<Option<Bytes>, Stop> {
        let key = keys::pool(user, device);
        let Some(before) = self.decoded::<Pool>("a pool", &key)? else { return Ok(None) };
        if keep && let Some(last_resort) = self.last_resort(device, before, live_at)? {
            return Ok(Some(last_resort));
        }
        let mut pool = before;
        let mut taken = None;
        while let Some(package) = self.front(device, pool)? {
            self.remove_large(keys::package(device, pool.first));
            pool.first += 1;
            if package.not_after > live_at.0 {
                taken = Some(package.package);
                break;
            }
        }
        if pool != before {
            self.put(key, records::encode(&pool));
        }
        if taken.is_none() {
            taken = self.last_resort(device, pool, live_at)?;
        }
        Ok(taken)
    }

    fn last_resort(
        &self,
        device: DeviceId,
        pool: Pool,
        live_at: UnixMillis,
    ) -> Result<Option<Bytes>, StoreError> {
        if !pool.last_resort {
            return Ok(None);
        }
        let value = self.large(&keys::last_resort(device))?;
        let package = value.map(|value| records::decode::<Package>("a key package", &value)).transpose()?;
        Ok(package.filter(|package| package.not_after > live_at.0).map(|package| package.package))
    }

    /// A revoked device gives no more packages.
    pub(crate) fn drop_pool(&mut self, device: DeviceId) -> Result<(), Stop> {
        let owner = keys::pool_owner(device);
        let Some(user) = self.get(&owner)? else { return Ok(()) };
        let user = user.as_ref().try_into().map_err(|_| StoreError::Unreadable { what: "a pool's owner" })?;
        let key = keys::pool(UserId::from_bytes(user), device);
        if let Some(pool) = self.decoded::<Pool>("a pool", &key)? {
            for at in pool.first..pool.next {
                self.remove_large(keys::package(device, at));
            }
        }
        self.remove_large(keys::last_resort(device));
        self.remove(key);
        self.remove(owner);
        Ok(())
    }
}

pub(crate) fn count(pool: Pool, last_resort: bool) -> PoolCount {
    PoolCount { one_time: u32::try_from(pool.next - pool.first).unwrap_or(u32::MAX), last_resort }
}

fn encode(entry: &PoolEntry) -> fjall::Slice {
    records::encode(&Package { not_after: entry.not_after.0, package: entry.package.clone() })
}
