"""Numbers beyond the dtype that a model computes in, as they come or on their way through the layers: no NaN, ever."""

import numpy as np
import pytest
import scipy.sparse
from estimators.test_base import each_backend, each_estimator, problem

from fastnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SINGLE = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "dtype": "float32"}
DOUBLE = SINGLE | {"dtype": None}
METHODS = ("predict", "predict_proba", "predict_log_proba", "transform", "score")
FORMS = [np.asarray, np.asfortranarray, scipy.sparse.csr_matrix, scipy.sparse.csc_array, lambda X: X.tolist()]


def with_one(value, X):
    X = np.array(X, dtype=np.result_type(X, value))
    X[3, 1] = value
    return X


def data_of(estimator):
    return problem("multiclass" if estimator is MLPClassifier else "one output")


@each_backend
@each_estimator
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [1e39, -3.5e38, 1e300])
def test_inputs_beyond_single_precision_are_refused_everywhere(estimator, form, value, backend):
    X, y = data_of(estimator)
    model = estimator(backend=backend, **SINGLE).fit(X, y)
    wide = form(with_one(value, X))
    for method in METHODS:
        if hasattr(model, method):
            data = (wide, y) if method == "score" else (wide,)
            with pytest.raises(ValueError, match=r"X must lie within the range of float32, got -?[13]"):
                getattr(model, method)(*data)
    with pytest.raises(ValueError, match="X contains infinity or a value too large for dtype"):
        estimator(backend=backend, **SINGLE).fit(wide, y)
    with pytest.raises(ValueError, match="X contains infinity or a value too large for dtype"):
        model.partial_fit(wide, y)
    with pytest.raises(ValueError, match="X_val must lie within the range of float32"):
        estimator(backend=backend, **SINGLE).fit(X, y, X_val=wide, y_val=y)


@each_backend
def test_a_model_fitted_to_single_precision_refuses_them_too(backend):
    X, y = data_of(MLPRegressor)
    model = MLPRegressor(backend=backend, **DOUBLE).fit(X.astype(np.float32), y)
    for act in (model.predict, lambda X: model.partial_fit(X, y)):
        with pytest.raises(ValueError, match="X must lie within the range of float32"):
            act(with_one(1e39, X))


@each_backend
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "huber", "absolute_error"])
def test_targets_beyond_the_dtype_are_refused(loss, backend):
    X, y = np.linspace(0, 1, 20)[:, None], np.ones(20)
    wide = np.where(np.arange(20) == 3, 1e39, y)
    for model, x, name in (
        (MLPRegressor(loss, backend=backend, **SINGLE), X, "float32"),
        (MLPRegressor(loss, backend=backend, **DOUBLE), X.astype(np.float32), "float32"),
    ):
        for given, data in {"y": (x, wide), "y_val": (x, y, None, X, wide)}.items():
            with pytest.raises(ValueError, match=f"^{given} must lie within the range of {name}, got 1e"):
                model.fit(*data[:3], **dict(zip(("X_val", "y_val"), data[3:], strict=False)))
        with pytest.raises(ValueError, match=f"y must lie within the range of {name}, got 1e"):
            model.fit(x, y).partial_fit(x, wide)
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        with pytest.raises(ValueError, match=r"y must lie within the range of float64, got 1e\+400"):
            MLPRegressor(loss, backend=backend, **DOUBLE).fit(X, y * np.longdouble("1e400"))


@each_backend
@each_estimator
def test_weights_beyond_the_dtype_are_refused(estimator, backend):
    X, y = data_of(estimator)
    for settings, weight, message in (
        (SINGLE, 1e39, "range of float32"), (SINGLE, 1e37, "range of float32, .* 9e"),
        (SINGLE, 1e-39, "range of float32"), (DOUBLE, 1e308, "finite sum"), (DOUBLE, 1e-310, "range of float64"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"sample_weight must .*{message}"):
            estimator(backend=backend, **settings).fit(X, y, np.full(len(y), weight))
    with pytest.raises(ValueError, match="sample_weight_val must lie within the range of float32"):
        estimator(backend=backend, **SINGLE).fit(X, y, X_val=X, y_val=y, sample_weight_val=np.full(len(y), 1e38))


@each_backend
@each_estimator
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 3e38), (np.float64, 1.5e308)])
def test_what_overflows_within_the_network_is_an_error_and_no_answer(estimator, dtype, most, backend):
    X, y = data_of(estimator)
    model = estimator(backend=backend, **DOUBLE).fit(X.astype(dtype), y)
    model.coefs_[0][...] *= 10
    row = most * np.sign(model.coefs_[0][:, :1].T)
    for wide in (row, np.repeat(row, 600, axis=0), np.vstack([X, row]), scipy.sparse.csr_array(row)):
        for method in METHODS[:3]:
            if hasattr(model, method):
                with pytest.raises(ValueError, match="X must not be so large that the network's outputs overflow"):
                    getattr(model, method)(wide)


@each_backend
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("scale", [1e160, 1e300])
def test_a_fit_that_overflows_is_an_error_and_no_model(solver, scale, backend):
    X, y = data_of(MLPRegressor)
    for data in ((X * scale, y), (X, y * scale), (X * scale, y * scale)):
        with pytest.raises(ValueError, match="input data may contain large values and need to be preprocessed"):
            MLPRegressor(solver=solver, backend=backend, **DOUBLE).fit(*data)
