"""One network trained by several processes over MPI, or by one process in the same shards, to the same bits.

A batch is cut into shards (`shards`), each shard's gradient is a sum of its own (`gradients`), and the gradients are
added in a perfect binary tree that does not depend on who holds which shard (`ranks`). Each rank updates its own
segment of the parameters (`update`, `steps`). What ranks must have in common is compared first (`agreement`), and what
ends one of them ends all (`failure`). What a step costs on how many ranks is predicted by a model (`cost`).
"""
