//! What every step and every modifier is called, looks like and plays.
