"""The networks that features come from, each behind `build` and `set_weights`."""
