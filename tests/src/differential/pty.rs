//! Cases on the emulator of our own terminals.
