//! Responses that are kept, in a whole edge: what clients get, and what the application is asked.

mod site;

mod changes;
mod collapses;
mod confirms;
mod disk;
mod hits;
mod keeps;
mod leads;
mod passes;
mod poisoning;
mod purges;
mod reloads;
mod varies;
