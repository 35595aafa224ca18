"""Code that depends on the processor's architecture.

What LLVM cannot compile for an architecture ends the process, so scripts have processes of their own.
"""

import subprocess
import sys

import pytest

X86, ARM = ("ldmxcsr", "rdtsc"), ("fpcr", "cntvct_el0")
REGISTERS = {
    "x86_64-unknown-linux-gnu": X86, "x86_64-apple-darwin": X86, "x86_64-pc-windows-msvc": X86,
    "aarch64-unknown-linux-gnu": ARM, "arm64-apple-darwin": ARM, "aarch64-pc-windows-msvc": ARM,
    "riscv64-unknown-linux-gnu": (), "powerpc64le-unknown-linux-gnu": (), "s390x-unknown-linux-gnu": (),
}  # fmt: skip
"""What code for a system is to set and read, if anything."""

COMPILE = """
import sys
import llvmlite.binding as llvm
from llvmlite import ir
from fastnet.compiler import codegen, policy

triple = sys.argv[1]
codegen.architecture = policy.architecture = lambda: triple.partition("-")[0]
from fastnet.kernels.codegen import bits, denormals, speed
from fastnet.kernels.codegen import ir as emit

module = ir.Module()
module.triple = triple
function = ir.Function(module, ir.FunctionType(emit.I64, [emit.PTR]), "function")
builder = ir.IRBuilder(function.append_basic_block())
state = denormals.read_state(builder)
denormals.write_state(builder, builder.or_(state, emit.whole(denormals.FLUSH)))
emit.prefetch_line(builder, function.args[0])
ticks = speed.read_clock(builder)
counted = [bits.emit_count(builder, ticks), bits.emit_lowest(builder, ticks)]
denormals.write_state(builder, state)
builder.ret(builder.add(*counted))

llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
parsed = llvm.parse_assembly(str(module))
parsed.verify()
machine = llvm.Target.from_triple(triple).create_target_machine()
assert machine.emit_object(parsed)
print(machine.emit_assembly(parsed).lower())
"""

RUN = """
from fastnet.compiler import codegen, policy

codegen.architecture = policy.architecture = lambda: "unheard_of"
import numba
from fastnet.kernels.codegen import denormals, speed

@numba.njit
def run(tiny):
    state = denormals.flush()
    half, ticks = 0.5 * tiny, speed.clock()
    denormals.restore(state)
    return state, half, ticks

print(*run(2.0**-1022))
"""


def python(script, *arguments):
    """Run a script; return what it printed."""
    finished = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("triple", REGISTERS)
def test_what_each_architecture_knows_of_denormals_and_time_compiles(triple):
    code = python(COMPILE, triple)
    known = {name for names in REGISTERS.values() for name in names}
    assert {name for name in known if name in code} == set(REGISTERS[triple])


def test_an_unknown_architecture_keeps_denormals_and_has_no_clock():
    state, half, ticks = python(RUN).split()
    assert (state, float(half), ticks) == ("0", 2.0**-1023, "0")
