//! PHP-FPM, as Debian has it, with a pool of its own: what scripts see, what runs, and what happens
//! where one fails.

mod failures;
mod pages;
mod pool;
mod scripts;
mod variables;
