//! Sets: what is read, said of mistakes, changed by an edit, imported and rendered. One crate of many files, as each links everything there is.

mod edit;
mod fuzz;
mod fuzz_corpus;
mod golden;
mod import;
mod record;
mod render;
mod set_keys;
mod set_mistakes;
mod set_robust;
mod set_work;
mod support;
mod words;
