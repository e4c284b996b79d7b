//! Uploads that are longer than memory has room for arrive, whoever else uploads, and cost no
//! memory; what becomes of the spool costs the uploads that lie in it, and no one else.

mod altered;
mod app;
mod in_part;
mod inspected;
mod whole;
