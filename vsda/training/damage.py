"""Samples that could not be read and were replaced: told once each, counted and bounded."""

import logging
from collections.abc import Iterable

from vsda.errors import ShardError
from vsda.stream.damage import Damage

logger = logging.getLogger(__name__)


class DamageCount:
    """The replaced samples of one rank.

    Args:
        most: The run ends when there are more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.keys: set[str] = set()

    def saw(self, damaged: Iterable[Damage]) -> None:
        """Note the samples that a batch had to do without.

        Raises:
            ShardError: They are too many by now.
        """
        for each in damaged:
            if each.key not in self.keys:
                self.keys.add(each.key)
                logger.warning("replaced by another sample: %s", each.message)
        if len(self.keys) > self._most:
            raise ShardError(
                f"{len(self.keys)} samples could not be read, more than max_damaged "
                f"= {self._most}; look at the sets with `vsda shards verify`"
            )
