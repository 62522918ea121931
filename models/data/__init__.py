"""The training data as records: which photo is in which part, what is made of it, how far that is from it, how it is written.

Plain functions; `pipelines/dataset.py` is the Beam graph that maps them, `docs/training-data.md` the description of the files.
"""
