"""Where photos come from: each source yields `ImageEvent`, and a `DeadLetter` for what it could not read."""
