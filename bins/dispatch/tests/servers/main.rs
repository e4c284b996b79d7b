//! The servers of a backend, as clients and applications see the choice between them, with a real
//! edge: health, failover, queues.

mod affinity;
mod app;
mod costs;
mod failover;
mod health;
mod limits;
mod mirrors;
mod prober;
mod retries;
mod reuse;
mod shared;
mod states;
mod weights;
