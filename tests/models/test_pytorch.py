"""State dicts and stacks of layers of PyTorch's."""

import copy

import numpy as np
import pytest
from models.test_sklearn import X

from fastnet.models import from_pytorch, to_pytorch


class Sequential(list):
    """What `from_pytorch` looks at of a stack of modules, where PyTorch is not installed."""

    def state_dict(self):
        layers = {i: module.sizes for i, module in enumerate(self) if type(module).__name__ == "Linear"}
        weights = {f"{i}.weight": np.ones((n_out, n_in)) for i, (n_in, n_out) in layers.items()}
        return weights | {f"{i}.bias": np.ones(n_out) for i, (_, n_out) in layers.items()}


class Alone:
    def state_dict(self):
        return {}


def module(name, **defaults):
    """Make a class of that name, whose objects have settings with PyTorch's defaults."""

    def initialize(self, *sizes, **settings):
        self.sizes = sizes
        vars(self).update(defaults | dict(zip(defaults, sizes, strict=False)) | settings)

    return type(name, (), {"__init__": initialize})


MODULES = {
    name: module(name, **defaults)
    for name, defaults in {
        "Linear": {}, "ReLU": {}, "Hardtanh": {}, "Flatten": {}, "Dropout": {"p": 0.5},
        "GELU": {"approximate": "none"}, "LeakyReLU": {"negative_slope": 0.01},
    }.items()
}  # fmt: skip


def test_pytorch_gives_the_same_outputs(tmp_path):
    torch = pytest.importorskip("torch")
    names = ["ReLU", "Sigmoid", "Tanh", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Softplus", "Identity"]
    sizes = [6, *range(12, 2, -1), 2]
    torch.manual_seed(0)
    layers = [
        module
        for n_in, n_out, name in zip(sizes, sizes[1:], names, strict=False)
        for module in (
            torch.nn.Linear(n_in, n_out),
            getattr(torch.nn, name)(**({"approximate": "tanh"} if name == "GELU" else {})),
        )
    ]
    theirs = torch.nn.Sequential(*layers, torch.nn.Linear(3, 2)).double()
    ours = from_pytorch(theirs)
    expected = theirs(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(ours.predict_logits(X, "numpy"), expected, rtol=1e-9, atol=1e-12)
    theirs.load_state_dict({name: torch.tensor(array) for name, array in to_pytorch(ours).items()})
    np.testing.assert_allclose(theirs(torch.tensor(X)).detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ("Linear(2, 3), GELU(), Linear(3, 2)", "GELU must have approximate='tanh'"),
        ("Linear(2, 3), LeakyReLU(0.2), Linear(3, 2)", r"LeakyReLU must have negative_slope=0\.01, got 0\.2"),
        ("Linear(2, 3), Hardtanh(), Linear(3, 2)", "one known activation between, got Linear, Hardtanh, Linear"),
        ("ReLU(), Linear(2, 3), Linear(3, 2)", "one known activation between, got ReLU, Linear, Linear"),
        ("Linear(2, 3), ReLU(), ReLU(), Linear(3, 3), Linear(3, 2)", "one known activation between"),
        ("Linear(2, 3), ReLU()", "one known activation between, got Linear, ReLU"),
        ("", "one known activation between"),
    ],
)
def test_modules_of_pytorch_that_are_no_network_of_ours_are_named(modules, message):
    with pytest.raises(ValueError, match=message):
        from_pytorch(Sequential(eval(f"[{modules}]", MODULES)))


def test_a_sequential_tells_its_activations_and_passes_over_what_predicts_nothing():
    modules = "Flatten(), Linear(2, 3), GELU(approximate='tanh'), Dropout(0.5), Linear(3, 3), LeakyReLU(), Linear(3, 2)"
    ours = from_pytorch(Sequential(eval(f"[{modules}]", MODULES)))
    assert (ours.network.sizes, ours.network.activations) == ((2, 3, 3, 2), ("gelu", "leaky_relu"))
    with pytest.raises(TypeError, match="state must be a state dict or a Sequential, got Alone"):
        from_pytorch(Alone())


def test_tensors_of_pytorch_are_read_with_gradients_and_in_half_precision():
    torch = pytest.importorskip("torch")
    layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 3), torch.nn.Dropout(0.5))
    expected = layers.eval()(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    for state, tolerance in (
        (layers, 1e-6),
        (dict(layers.named_parameters()), 1e-6),
        (copy.deepcopy(layers).bfloat16(), 0.1),
    ):
        ours = from_pytorch(state)
        assert ours.network.dtype == np.float32
        np.testing.assert_allclose(ours.predict_logits(X, "numpy"), expected, rtol=tolerance, atol=tolerance)
    with pytest.raises(TypeError, match="state must be a state dict or a Sequential, got Linear"):
        from_pytorch(torch.nn.Linear(6, 3))


def test_layers_come_in_the_order_of_their_numbers():
    sizes = {"0": (3, 2), "10": (1, 4), "2": (4, 3)}
    state = {f"{number}.weight": np.ones(shape) for number, shape in sizes.items()}
    assert from_pytorch(state).network.sizes == (2, 3, 4, 1)


def test_layers_without_biases_stay_so():
    state = {"net.0.weight": np.ones((3, 6)), "net.1.weight": np.ones((2, 3))}
    assert from_pytorch(state).network.bias is False


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([1], "state must be a state dict or a Sequential, got list"),
        ({"weight": np.ones((2, 2))}, "'weight' is no weight or bias of a numbered layer"),
        ({"a.0.weight": np.ones((2, 2)), "b.0.weight": np.ones((2, 2))}, "layers of one Sequential, got 2"),
        ({"0.weight": np.ones((2, 2)), "2.weight": np.ones((2, 3))}, "linear layers one after the other"),
        ({"0.weight": np.ones((2, 2, 2))}, "linear layers one after the other"),
        ({"0.bias": np.ones(2)}, "linear layers one after the other"),
        ({"0.weight": np.ones((2, 2)), "0.bias": np.ones(2), "1.weight": np.ones((2, 2))}, "a bias for every layer"),
        ({"0.weight": np.ones((2, 2)), "0.bias": np.ones(3)}, r"bias of shape \(3,\), expected \(2,\)"),
        ({"0.weight": np.full((2, 2), np.nan)}, "finite numbers"),
        ({"0.weight": np.ones((2, 2), complex)}, r"state: 0\.weight must be real numbers, got complex128"),
        ({"0.weight": np.full((2, 2), "1")}, r"state: 0\.weight must be real numbers"),
        ({}, "layers of one Sequential, got 0"),
    ],
)
def test_what_is_no_stack_of_layers_is_named(state, message):
    with pytest.raises((TypeError, ValueError), match=message):
        from_pytorch(state)
