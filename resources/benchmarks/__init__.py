"""What each benchmark measures: data files, run, targets, protocol and published figures, as TOML."""
