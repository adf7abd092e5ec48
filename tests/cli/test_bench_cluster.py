import json

import pytest
from typer.testing import CliRunner

from tests.bench.test_cluster import SMALL
from vsda.cli.bench import bench_app


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return str(path)


def run(*arguments):
    return CliRunner().invoke(bench_app, ["cluster", *arguments])


def test_figures_stand_in_tables_below_their_setting(recipe):
    result = run("--recipe", recipe, "--repeats", "1")
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.splitlines()
    assert "32 px, 3 images + 2 frames; 320 tokens x 16 at patch, k 3, 64 pairs" in head
    starts = ("step, none", "step, domain", "step, clustered", "k-means", "scikit-learn KMeans")
    for start in starts:
        assert any(line.startswith(start) for line in lines), start
    assert "threads on" in lines[-1]
    assert "made-up pictures" in lines[-1]


def test_json_holds_the_same_figures(recipe):
    found = json.loads(run("--recipe", recipe, "--repeats", "1", "--json").stdout)
    (result,) = found["settings"]
    assert {*result} == {
        "setting",
        "steps",
        "clustered_to_domain",
        "domain_to_none",
        "parts",
        "kmeans",
    }
    quotient = result["steps"]["clustered"]["median_ms"] / result["steps"]["domain"]["median_ms"]
    assert result["clustered_to_domain"]["of_medians"] == pytest.approx(quotient)
    assert {"device", "num_threads", "torch_version", "sklearn_version"} < {*found["machine"]}


@pytest.mark.parametrize(
    "arguments",
    [("--batch", "1"), ("--repeats", "0"), ("--size-px", "16"), ("--size-px", "many")],
)
def test_values_that_no_option_takes_are_usage_errors(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


def test_unknown_recipe_is_a_usage_error():
    result = run("--recipe", "demo-clustred")
    assert result.exception.exit_code == 2
    assert "Did you mean 'demo-clustered'?" in str(result.exception)
