import importlib.util
import sys

from trunkline import audioop


def install_audioop(*, replace: bool = True) -> None:
    """Makes `import audioop` give `trunkline.audioop`, in all of the process.

    Modules that have imported another `audioop` by then keep that one: call this first.

    Args:
        replace: Whether to also take the place of an `audioop` that is there already, be it the
            interpreter's (before 3.13) or an installed package. The default gives the same module on
            every version of Python; with False, nothing happens where there is one.
    """
    if replace or importlib.util.find_spec("audioop") is None:
        sys.modules["audioop"] = audioop
