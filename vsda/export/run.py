"""`vsda export`: a run's network in a file whose name says the format."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vsda.errors import UsageError
from vsda.evaluation.trained import TrainedNetwork, open_run
from vsda.export.facts import ExportError
from vsda.export.graph import onnx_model
from vsda.export.parity import Parity, check_parity
from vsda.export.tensors import write_tensors
from vsda.storage import atomic_file

TENSORS, ONNX = ".safetensors", ".onnx"
_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOptions:
    """What is exported.

    Attributes:
        checkpoint: Another checkpoint than the run's latest, see `find_checkpoint`.
        raw: Take the weights of the last step even where the run keeps an average of them.
        preprocessing: An ONNX file takes uint8 RGB pictures and normalises them itself.
    """

    checkpoint: Path | None = None
    raw: bool = False
    preprocessing: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """A file that was written.

    Attributes:
        place: Where it lies.
        size_bytes: Its size.
        step: Steps of training behind it.
        is_average: Its weights are the run's average, not those of its last step.
        parity: How an ONNX file agrees with the network; empty for safetensors, which are compared
            bit for bit.
    """

    place: Path
    size_bytes: int
    step: int
    is_average: bool
    parity: tuple[Parity, ...] = ()


def export(run_dir: Path, out: Path, options: ExportOptions) -> Exported:
    """Write a run's network to `out`, as safetensors or ONNX.

    The file has its name only when it has been compared with the network.

    Raises:
        UsageError: The name ends otherwise.
        RunError: No run folder, or no whole checkpoint.
        ExportError: A package is missing, the format cannot hold the network, or the file's network
            is another one.
    """
    if out.suffix not in (TENSORS, ONNX):
        raise UsageError(f"{out}: got the ending {out.suffix!r}, expected {TENSORS} or {ONNX}")
    if out.suffix == ONNX:
        _require_packages()
    trained = open_run(run_dir, options.checkpoint, raw=options.raw)
    parity: tuple[Parity, ...] = ()
    if out.suffix == ONNX:
        parity = write_onnx(trained, out, preprocessing=options.preprocessing)
    else:
        write_tensors(trained, out)
    return Exported(
        place=out,
        size_bytes=out.stat().st_size,
        step=trained.step,
        is_average=trained.is_average,
        parity=parity,
    )


def write_onnx(trained: TrainedNetwork, out: Path, *, preprocessing: bool) -> tuple[Parity, ...]:
    """Write the network as ONNX and return how the file agrees with it.

    Raises:
        ExportError: torch cannot lay the network out, or the file computes something else; nothing
            is left then.
    """
    model = onnx_model(trained, preprocessing=preprocessing)
    with atomic_file(out) as file:
        file.write(model.SerializeToString(deterministic=True))
        file.flush()
        return check_parity(trained, Path(file.name), preprocessing=preprocessing, named=out)


def _require_packages() -> None:
    missing = [name for name in _ONNX_PACKAGES if find_spec(name) is None]
    if missing:
        raise ExportError(
            f"{ONNX} needs {', '.join(missing)}, which this installation lacks; "
            "pip install 'vsda[export]'"
        )
