//! PHP-FPM, as Debian has it, with a pool of its own: what scripts see, what runs, what happens
//! where one fails, and a WordPress.

mod failures;
mod migrated;
mod pages;
mod pool;
mod scripts;
mod variables;
mod wordpress;
