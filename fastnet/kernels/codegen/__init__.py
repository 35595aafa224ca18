"""What emits LLVM code: its types and loops, vectors, elementary functions, sums over rows, clock and barrier."""
