"""fastnet's estimators under scikit-learn's names, for code that cannot be edited.

`names` puts them there and takes them away; `program` is what `python -m fastnet.patch` runs a script by.
"""

from fastnet.patch.names import patch_sklearn, unpatch_sklearn

__all__ = ["patch_sklearn", "unpatch_sklearn"]
