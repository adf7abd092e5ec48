from vsda.bench.fetch import measure


def test_each_run_writes_all_frames_and_has_a_memory_of_its_own():
    result = measure((1, 3), num_workers=2)
    assert [run.num_videos for run in result.runs] == [1, 3]
    assert [run.num_frames for run in result.runs] == [31, 93]
    assert all(20 < run.peak_mb < 2000 for run in result.runs)
    assert all(run.all_peak_mb is None or run.all_peak_mb > run.peak_mb for run in result.runs)
    assert result.bare_frames_per_s > 0
