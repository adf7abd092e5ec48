"""The shape of pipelines/demo.toml: commands of vsda, one after another."""

from vsda.recipes.load import Settings


class DemoStep(Settings):
    """One command of the demo."""

    title: str
    command: tuple[str, ...]
    """Arguments of `vsda`; `{out}` stands for the demo's folder."""
    makes: str = ""
    """A file or folder under the demo's folder; the step is passed over where it exists."""


class DemoRecipe(Settings):
    """The whole demo."""

    steps: tuple[DemoStep, ...]
