"""Packages that only some commands need; to lack them is no fault."""

import importlib.metadata
import importlib.util

from vsda.doctor.check import Check, State, try_in_process

_ASK_TORCH = """
import torch, torchvision
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(torch.__version__, ", ".join(names) or "no GPU", sep="; ")
"""


def check_packages() -> list[Check]:
    """Return what is found of torch, Ray and s3fs."""
    return [
        check_torch(),
        check_extra("Ray", "ray", "clusters", "ray"),
        check_extra("s3fs", "s3fs", "s3:// as input and output", "s3"),
    ]


def check_torch() -> Check:
    """Return whether networks can be trained here, and on what."""
    if importlib.util.find_spec("torch") is None:
        found = "not installed: training is not possible, the data part works"
        return Check(
            name="torch", state=State.OK, found=found, mend="to train: pip install 'vsda[train]'"
        )
    works, said = try_in_process(_ASK_TORCH)
    if works:
        return Check(name="torch", state=State.OK, found=said)
    return Check(
        name="torch",
        state=State.WARN,
        found=f"cannot be imported: {said}",
        mend="pip install --upgrade 'vsda[train]'",
    )


def check_extra(name: str, module: str, purpose: str, extra: str) -> Check:
    """Return whether a package is there, and what for."""
    if importlib.util.find_spec(module) is None:
        found, mend = f"not installed: no {purpose}", f"if wanted: pip install 'vsda[{extra}]'"
        return Check(name=name, state=State.OK, found=found, mend=mend)
    version = importlib.metadata.version(module)
    return Check(name=name, state=State.OK, found=f"version {version}, for {purpose}")
