"""Tables as inputs of networks, and the models that hold how."""

import numpy as np
import pandas as pd
import pytest

from fastnet import Model, Network, Predictor, load_model, save_model
from fastnet.tables.encoding import TableEncoding

TABLE = pd.DataFrame(
    {
        "size": [1.0, None, 3.0, 5.0],
        "floor": [-1, 1, 0, 0],
        "city": ["Ulm", None, "Aalen", "Bonn"],
        "garden": [True, False, None, True],
        "empty": [None] * 4,
    }
)


def test_numbers_gaps_and_categories_become_inputs():
    encoding = TableEncoding.fit(TABLE)
    assert encoding.input_names == (
        "size", "size missing", "floor", "city=Aalen", "city=Bonn", "city=Ulm", "garden=True",
    )  # fmt: skip
    inputs = encoding(TABLE)
    filled = np.array([1, 3, 3, 5])
    np.testing.assert_allclose(inputs[:, 0], (filled - 3) / filled.std())
    np.testing.assert_array_equal(inputs[:, 1], [0, 1, 0, 0])
    np.testing.assert_array_equal(inputs[:, 3:6], [[0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(inputs[:, 6], [1, -1, 0, 1])
    assert np.isfinite(inputs).all()
    new = pd.DataFrame({"size": [None], "floor": [np.nan], "city": ["Köln"], "garden": [None], "empty": [2.0]})
    np.testing.assert_allclose(encoding(new, np.float32)[0], [0, 1, 0, 0, 0, 0, 0], atol=1e-7)


def test_a_table_without_any_value_is_refused():
    with pytest.raises(ValueError, match="no column has a value"):
        TableEncoding.fit(pd.DataFrame({"a": pd.Series([None, None], dtype="str")}))


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_models_keep_their_table(tmp_path, suffix):
    encoding = TableEncoding.fit(TABLE, ignored=("id",))
    model = Model(Network([7, 2], seed=0), label_name="y", labels=("a", "b"), table=encoding)
    save_model(tmp_path / f"m.{suffix}", model)
    again = load_model(tmp_path / f"m.{suffix}")
    assert again.table.columns == encoding.columns
    frame = TABLE[::-1].assign(y=0, id=[1, 2, 3, 4])[["y", "id", *list(TABLE)[::-1]]]
    np.testing.assert_array_equal(again.predict_logits(frame, "numpy")[::-1], model.predict_logits(TABLE, "numpy"))
    with pytest.raises(ValueError, match="missing column 'city'"):
        again.predict(TABLE.drop(columns="city"))
    with pytest.raises(ValueError, match="table must make the 3 inputs"):
        Model(Network([3, 2], seed=0), table=encoding)


def _model(labels=("a", "b")):
    encoding = TableEncoding.fit(TABLE)
    loss = "squared_error" if labels is None else "cross_entropy"
    return Model(Network([7, 5, 2 if labels else 1], seed=0, dtype="float64"), loss, labels=labels, table=encoding)


def test_onnx_graphs_take_numbers_and_text(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from fastnet.models import export_onnx

    model = _model()
    export_onnx(tmp_path / "m.onnx", model)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    new = TABLE.assign(city=["Ulm", None, "Rom", "Bonn"])
    numbers = new[["size", "floor"]].to_numpy(np.float64)
    texts = np.array(
        [[str(value) for value in row] for row in new[["city", "garden", "empty"]].to_numpy(object)], object
    )
    found = session.run(["logits"], {"numbers": numbers, "categories": texts})[0]
    np.testing.assert_allclose(found, model.predict_logits(new, "numpy"), rtol=1e-12)
    assert session.get_modelmeta().custom_metadata_map["classes"] == '["a", "b"]'
    with pytest.raises(ValueError, match="uint8"):
        export_onnx(tmp_path / "m.onnx", model, "uint8")


def test_formats_of_layers_alone_refuse_tables():
    from fastnet.models import to_pytorch, to_sklearn

    for convert in (to_pytorch, to_sklearn):
        with pytest.raises(ValueError, match="takes a table"):
            convert(_model())
    assert to_pytorch(_model().without_table())["0.weight"].shape == (5, 7)


def test_predictors_take_a_row_of_a_table():
    model = _model(None)
    predictor, expected = Predictor(model), model.predict(TABLE, "numpy")
    rows = [dict(zip(TABLE, values, strict=True)) for values in TABLE.to_numpy(object)]
    for row, value in zip(rows, expected, strict=True):
        assert predictor(row) == pytest.approx(value, rel=1e-12)
        assert predictor(list(row.values())) == predictor(row)
    assert predictor(TABLE.iloc[1]) == predictor(rows[1])
    with pytest.raises(ValueError, match="missing column 'city'"):
        predictor({name: value for name, value in rows[0].items() if name != "city"})
    with pytest.raises(TypeError, match="x must be a row"):
        predictor("Ulm")
