import pytest

from vsda.errors import VsdaError
from vsda.storage import exclusive


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestExclusive:
    def test_a_second_writer_gets_an_error(self, tmp_path):
        def enter_twice():
            with exclusive(tmp_path / "lock"), exclusive(tmp_path / "lock"):
                pytest.fail("two writers at once")

        with pytest.raises(VsdaError, match="lock: another process is writing here; wait for it"):
            enter_twice()

    def test_the_lock_is_free_after_the_block_and_after_an_error(self, tmp_path):
        def fail():
            with exclusive(tmp_path / "lock"):
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        with exclusive(tmp_path / "lock"):
            assert names(tmp_path) == ["lock"]
        assert names(tmp_path) == []

    def test_the_lock_of_a_dead_process_does_not_hold(self, tmp_path):
        (tmp_path / "lock").touch()
        with exclusive(tmp_path / "lock"):
            pass

    def test_a_lock_file_that_was_removed_meanwhile_is_not_taken_for_the_lock(
        self, tmp_path, monkeypatch
    ):
        import fcntl

        lock, real_flock = tmp_path / "lock", fcntl.flock
        removed = []

        def flock(file, operation):
            if not removed:
                removed.append(lock.unlink())
            real_flock(file, operation)

        monkeypatch.setattr(fcntl, "flock", flock)
        with exclusive(lock):
            assert names(tmp_path) == ["lock"]
