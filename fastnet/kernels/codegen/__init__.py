"""What emits LLVM code: types, loops, vectors, elementary functions, sums over rows, updates, clock and barrier."""
