"""The benchmark suite: what it measures, how it times, and what it compares with.

Importing this package loads nothing else; the other libraries are imported when they are asked to train.
"""
