"""How far one photo is from another: one full-reference metric a file."""
