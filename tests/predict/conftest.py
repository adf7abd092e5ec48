"""Two small networks with drawn weights, and what a prediction with them leaves."""

import pytest

from tests.made_runs import make_run
from tests.predict.made import Predicted
from vsda.predict.options import Seen, Written
from vsda.predict.run import PredictOptions, predict


@pytest.fixture(scope="session")
def pictures_run(tmp_path_factory):
    """A network of single pictures of 32 px, for person and dog."""
    folder = tmp_path_factory.mktemp("runs") / "pictures"
    make_run(folder)
    return folder


@pytest.fixture(scope="session")
def clips_run(tmp_path_factory):
    """A network of clips of 4 frames, every second one of a video."""
    folder = tmp_path_factory.mktemp("runs") / "clips"
    make_run(folder, "video_swin_upernet", step=9, clip_stride=2)  # its masks tell frames apart
    return folder


@pytest.fixture
def predicted(tmp_path, pictures_run):
    """Predict inputs into a folder and return what is there."""

    def run(*inputs, run=pictures_run, out=tmp_path / "out", batch=16, **asked):
        asked_of_seen = {name: asked.pop(name) for name in list(asked) if hasattr(Seen, name)}
        options = PredictOptions(
            seen=Seen(**asked_of_seen),
            written=Written(out=out, **asked),
            batch_frames=batch,
            device="cpu",
        )
        report = predict(run, [str(text) for text in inputs], options)
        return Predicted(out, report)

    return run
