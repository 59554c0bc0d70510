"""What miopen-bypass does in this process: labels for layers, statistics, settings.

Plain Python on ctypes, to be copied or put on PYTHONPATH; nothing to build. Where PyTorch runs on
miopen-bypass:

    import miopen_bypass

    bypass = miopen_bypass.attach()
    with bypass.labelled(model):            # convolutions belong to model.layer1.0.conv1 and so on
        train(model)
    bypass.print_report()                   # by layer: forwards, bypasses, percent, time

`miopen_bypass.miopen` is a binding of MIOpen's convolutions besides, for numpy arrays.
"""

from .bypass import Bypass, Layer, NotActiveError, Settings, Totals, attach
from .library import MiopenError

__all__ = ["Bypass", "Layer", "MiopenError", "NotActiveError", "Settings", "Totals", "attach"]
