"""`audioop.ratecv` with a filter against images and aliases; see `ratecv`."""

from trunkline._audioop import RatecvState
from trunkline._audioop import ratecv_hq as ratecv

__all__ = ["RatecvState", "ratecv"]
