"""Files of weights as such: every format, each kind of damage, and files that mean harm."""

import json
import random
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from vsda.errors import VsdaError, WeightsError
from vsda.models.weights.files import EXPECTED, read_file

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1.5, 2.5]).bfloat16()}
FORMATS = ["zip", "legacy", "safetensors"]


@pytest.fixture(params=FORMATS)
def path(request, tmp_path):
    """A file of TENSORS in one format."""
    path = tmp_path / "weights"
    if request.param == "safetensors":
        save_file(TENSORS, path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=request.param == "zip")
    return path


def read_all(path):
    return {name: piece.read() for name, piece in read_file(path).pieces.items()}


def refusal(path):
    with pytest.raises(WeightsError) as caught:
        read_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("as_url", [False, True])
def test_every_format_is_read_whatever_the_file_is_called(path, as_url):
    pieces = read_file(f"file://{path}" if as_url else path).pieces
    assert pieces.keys() == TENSORS.keys()
    for name, piece in pieces.items():
        assert torch.equal(piece.read(), TENSORS[name])
        assert (piece.names, piece.shape) == ((name,), tuple(TENSORS[name].shape))
        assert piece.is_floating


def test_a_file_elsewhere_is_read_too(path):
    import fsspec

    with fsspec.open("memory://weights/file", "wb") as file:
        file.write(path.read_bytes())
    tensors = read_all("memory://weights/file")
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in tensors.items())


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_file_cut_at_any_byte_is_refused(path, step):
    data = path.read_bytes()
    for num_bytes in range(0, len(data), step):
        path.write_bytes(data[:num_bytes])
        assert "damaged, or holds more than tensors and plain values" in refusal(path)


def test_no_flipped_bit_escapes_as_another_error(path):
    data = path.read_bytes()
    chance = random.Random(0)
    for _ in range(300):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            read_all(path)
        except WeightsError as error:
            assert "\n" not in str(error)  # noqa: PT017  (most flips pass unnoticed elsewhere)


def safetensors_file(path, header, data=b"", *, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [10**15], "data_offsets": [0, 4 * 10**15]}},
        {"a": {"dtype": "F32", "shape": [2**63, 2**63], "data_offsets": [0, 0]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}},
        {"a": {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}},
        {"a": 3},
        b"{" * 100_000,
        b'{"a":' + b"[" * 100_000,
        b'{"\xff": 1}',
    ],
    ids=["vast", "overflow", "short", "backwards", "dtype", "number", "braces", "deep", "utf8"],
)
def test_a_safetensors_header_that_lies_is_refused(tmp_path, header):
    assert "damaged" in refusal(safetensors_file(tmp_path / "x.safetensors", header, b"\0" * 4))


@pytest.mark.parametrize("length", [0, 1, 10**8, 2**63, 2**64 - 1])
def test_a_safetensors_header_of_another_length_is_refused(tmp_path, length):
    header = {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    path = safetensors_file(tmp_path / "x.safetensors", header, b"\0" * 4, length=length)
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("header", [{}, {"__metadata__": {"format": "pt"}}])
def test_a_file_without_tensors_is_refused(tmp_path, header):
    message = refusal(safetensors_file(tmp_path / "x.safetensors", header))
    assert message.endswith(f"holds no tensors; {EXPECTED}")


@pytest.mark.parametrize("tensor", [torch.zeros(2_500_000), torch.rand(1000)], ids=["bomb", "rand"])
def test_compressed_parts_are_refused(tmp_path, tensor):
    """Ten megabytes of zeros take ten kilobytes; and a mapped part would be read compressed."""
    torch.save({"a": tensor}, tmp_path / "plain")
    with (
        zipfile.ZipFile(tmp_path / "plain") as plain,
        zipfile.ZipFile(tmp_path / "packed", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert "(BadZipFile)" in refusal(tmp_path / "packed")


def test_parts_that_are_listed_again_and_again_are_refused(tmp_path):
    """Each would be read for its checksum."""
    torch.save({"a": torch.zeros(1000)}, tmp_path / "weights")
    with zipfile.ZipFile(tmp_path / "weights", "a") as archive:
        archive.filelist += 10 * archive.filelist
        archive._didModify = True
    assert "(BadZipFile)" in refusal(tmp_path / "weights")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**15),
        torch.zeros(3, 3).to_sparse(),
        torch.empty(3, device="meta"),
    ],
    ids=["expanded", "sparse", "meta"],
)
def test_a_tensor_without_values_of_its_own_is_refused(tmp_path, tensor):
    torch.save({"a": tensor}, tmp_path / "weights")
    message = refusal(tmp_path / "weights")
    assert "'a' is sparse, or holds fewer values than it claims" in message or (
        "damaged" in message
    )


@pytest.mark.parametrize("wrapper", ["network", "state_dict", "model"])
def test_weights_may_lie_under_a_key(tmp_path, wrapper):
    torch.save({wrapper: TENSORS, "epoch": 3}, tmp_path / "weights")
    file = read_file(tmp_path / "weights")
    assert (file.wrapper, file.pieces.keys()) == (wrapper, TENSORS.keys())


def test_a_missing_file_is_no_damage(tmp_path):
    with pytest.raises(VsdaError, match="cannot be read"):
        read_file(tmp_path / "none.safetensors")
