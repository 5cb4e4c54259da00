"""Words and YAML files -> checked, unit-converted specs. All that can be refused is refused here."""
