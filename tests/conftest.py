"""Properties are about values, not about time: on a busy machine an example may take as long as it takes."""

import hypothesis

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
