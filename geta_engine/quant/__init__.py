"""The quantizer: formula, kernels, autograd function, placement in a program, calibration."""

from geta_engine.quant.calibrate import calibrate
from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.insert import PreparedModel, prepare

__all__ = ["PreparedModel", "calibrate", "fake_quantize", "prepare"]
