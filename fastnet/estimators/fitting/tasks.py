"""scikit-learn's own callbacks (1.9), which `set_callbacks` takes: a fit as a task, with one for each epoch in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnet.estimators.parameters import views
from fastnet.training.callbacks import Callback
from fastnet.training.history import Epoch
from fastnet.training.samples import Samples

if TYPE_CHECKING:

    class CallbackSupportMixin:
        """What scikit-learn gives an estimator that has callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Take callbacks down when a method ends."""

else:
    try:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
    except ImportError:  # before scikit-learn 1.9: estimators have no `set_callbacks`

        class CallbackSupportMixin:
            """Nothing: this scikit-learn has no callbacks."""

        def with_callbacks(method):
            """Return the method as it is."""
            return method


class Tasks(Callback):
    """Tell scikit-learn's callbacks of a fit and of its epochs."""

    def __init__(self, samples: Samples, max_iter: int) -> None:
        self._samples, self._left = samples, max_iter
        self._fit: Any = None
        self._epoch: Any = None

    @classmethod
    def of(cls, model: Any, samples: Samples) -> Tasks | None:
        """Return what tells the callbacks of an estimator; None if it has none."""
        return cls(samples, int(model.max_iter)) if getattr(model, "_skl_callbacks", None) else None

    def on_train_begin(self, model: Any) -> None:
        """Set the callbacks up; the fit begins, and its first epoch."""
        self._fit = model._init_callback_context(max_subtasks=self._left)
        self._fit.call_on_fit_task_begin(estimator=model, **self._news(model))
        self._begin_epoch(model)

    def on_epoch_end(self, model: Any, epoch: Epoch) -> bool:
        """End one epoch, and begin another if there may be one."""
        stop = bool(self._epoch.call_on_fit_task_end(estimator=model, **self._news(model)))
        self._begin_epoch(model)
        return stop

    def on_train_end(self, model: Any) -> None:
        """End the fit, and with it an epoch that has only begun."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(estimator=model)
        if self._fit is not None:
            self._fit.call_on_fit_task_end(estimator=model, **self._news(model))

    def _begin_epoch(self, model: Any) -> None:
        self._epoch, self._left = None, self._left - 1
        if self._left >= 0:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(estimator=model, **self._news(model))

    def _news(self, model: Any) -> dict[str, Any]:
        """Return what callbacks may ask for; what is a function is called only if one does."""
        X, y, weights = self._samples
        return {
            "X": X, "y": lambda: model._labels(y), "metadata": {} if weights is None else {"sample_weight": weights},
            "reconstruction_attributes": lambda: _fitted(model),
        }  # fmt: skip


def _fitted(model: Any) -> dict[str, Any]:
    """Return what makes a copy of an estimator predict as it does now, whatever becomes of it."""
    parameters = model._parameters.copy()
    coefs, intercepts = views(parameters, model._sizes())
    found = {"_parameters": parameters, "coefs_": coefs, "intercepts_": intercepts, "_views": (*coefs, *intercepts)}
    return found | ({"feature_names_in_": None} if hasattr(model, "feature_names_in_") else {})  # X comes without them
