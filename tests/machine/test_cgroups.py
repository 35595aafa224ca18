"""CPU quotas that control groups set, in trees of files as the kernel shows them in and out of containers."""

import pytest

from fastnet.machine.cgroups import FILES, cpu_quota

V1 = "cgroup cgroup rw,cpu,cpuacct"
V2 = "cgroup2 cgroup2 rw,nsdelegate"


def process(tmp_path, groups, *mounts):
    """Write what /proc tells of a process: its groups, and mounts by root, point and kind."""
    folder = tmp_path / "proc"
    folder.mkdir(exist_ok=True)
    (folder / "cgroup").write_text("".join(f"{group}\n" for group in groups))
    lines = ["22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw"]
    lines += [f"30 22 0:26 {root} {point.as_posix()} rw,nosuid shared:4 - {kind}" for root, point, kind in mounts]
    (folder / "mountinfo").write_text("".join(f"{line}\n" for line in lines))
    return folder


def limit(folder, *texts):
    """Make a group with a quota: one text for the file of version 2, two for those of version 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(FILES["cgroup2" if len(texts) == 1 else "cgroup"], texts, strict=True):
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200000 100000", 2), ("150000 100000", 2), ("100001 100000", 2), ("1000 100000", 1), ("300000 200000", 2),
        ("max 100000", None), ("max", None), ("", None), ("100000", None), ("-1 100000", None), ("0 100000", None),
        ("100000 0", None), ("1.5 1", None), ("200000 100000 7", None), ("\0\xff nonsense", None),
        ("2" * 5000 + " 1", None),
    ],
)  # fmt: skip
def test_quotas_are_rounded_up_and_nonsense_limits_nothing(text, expected, tmp_path):
    mount = limit(tmp_path / "cgroup", text)
    quota = cpu_quota(process(tmp_path, ["0::/"], ("/", mount, V2)))
    assert (quota and quota.cores) == expected


def test_the_files_that_decide_are_named(tmp_path):
    two, one = limit(tmp_path / "2", "300000 100000"), limit(tmp_path / "1", "50000", "25000")
    mounts = ("/", two, V2), ("/", one, V1)
    assert cpu_quota(process(tmp_path, ["0::/"], *mounts)).source == "cpu.max 300000 100000"
    both = cpu_quota(process(tmp_path, ["4:cpu,cpuacct:/", "0::/"], *mounts))
    assert both == (50000, 25000, "cpu.cfs_quota_us 50000, cpu.cfs_period_us 25000")


@pytest.mark.parametrize(
    ("quota", "period", "expected"),
    [("-1", "100000", None), ("250000", "100000", 3), ("", "100000", None), ("100000", "", None), ("7", "?", None)],
)
def test_quotas_of_version_1(quota, period, expected, tmp_path):
    """The controllers of the processor are mounted together, beside others, and a unified tree without any."""
    group = limit(tmp_path / "cpu,cpuacct" / "jobs", quota, period)
    memory = limit(tmp_path / "memory" / "jobs", "1000", "1000")
    (tmp_path / "unified").mkdir()
    mounts = [
        ("/", memory.parent, "cgroup cgroup rw,memory"),
        ("/", group.parent, V1),
        ("/", tmp_path / "unified", V2),
    ]
    groups = ["9:name=systemd:/jobs", "5:memory:/jobs", "3:cpu,cpuacct:/jobs", "2:cpuset:/", "0::/jobs"]
    found = cpu_quota(process(tmp_path, groups, *mounts))
    assert (found and found.cores) == expected


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ({"a": "300000 100000", "a/b": "max 100000", "a/b/c": "500000 100000"}, 3),
        ({"a": "300000 100000", "a/b": "20000 10000"}, 2),
        ({"": "100000 100000", "a/b/c": "900000 100000"}, 1),
        ({"a/b/c/d": "100000 100000", "other": "100000 100000", "a/b/c": "400000 100000"}, 4),
        ({"a": "100000 25000", "a/b": "150000 50000"}, 3),
        ({"a/b/c/d": "100000 100000"}, None),
    ],
)
def test_the_strictest_of_the_groups_around_the_process_decides(quotas, expected, tmp_path):
    mount = tmp_path / "cgroup"
    for path, text in quotas.items():
        limit(mount / path, text)
    found = cpu_quota(process(tmp_path, ["0::/a/b/c"], ("/", mount, V2)))
    assert (found and found.cores) == expected


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("root", "group", "looked_at"),
    [
        ("/", "/", [""]),  # a namespace of its own, or no container
        ("/", "/a/b", ["", "a", "a/b"]),
        ("/docker/1f", "/docker/1f", [""]),  # a container that shares the namespace of its host
        ("/docker/1f", "/docker/1f/a", ["", "a"]),
        ("/docker/1f", "/docker/1ff", []),
        ("/docker/1f", "/docker", []),
        ("/", "/..", []),  # moved out of the namespace
        ("/", "/../../b", []),
        ("/a", "/../a", []),
        ("/..", "/..", [""]),
        ("/../..", "/../../b", ["", "b"]),
        ("/../b", "/../b/a", ["", "a"]),
        ("/../b", "/", []),
        ("/..", "/", [""]),  # a mount of outside: names on the way to the namespace's root are unknown
        ("/../..", "/../b", [""]),
        ("/..", "/../..", []),
    ],
)
def test_groups_are_found_through_the_roots_of_namespaces_and_mounts(version, root, group, looked_at, tmp_path):
    mount = tmp_path / "outer" / "cgroup"
    folders = ["", "a", "a/b", "b", "b/a", "docker", "docker/1f", "docker/1f/a", "..", "../a", "../b"]
    for i, name in enumerate(folders, 10):
        limit(mount / name, *([f"{i}000 1000"] if version == 2 else [f"{i}000", "1000"]))
    groups = [f"0::{group}"] if version == 2 else [f"3:cpuacct,cpu:{group}", "0::/"]
    found = cpu_quota(process(tmp_path, groups, (root, mount, V2 if version == 2 else V1)))
    expected = min((folders.index(name) + 10 for name in looked_at), default=None)
    assert (found and found.cores) == expected


def test_a_folder_that_is_gone_leaves_those_around_it(tmp_path):
    mount = limit(tmp_path / "cgroup" / "a", "100000 100000").parent
    assert cpu_quota(process(tmp_path, ["0::/a/b (deleted)"], ("/", mount, V2))).cores == 1


def test_names_may_hold_spaces_colons_and_backslashes(tmp_path):
    limit(tmp_path / "c g" / "x y", "100000 100000")
    folder = process(tmp_path, ["0::/d: e\\/x y"], (r"/d:\040e\134", tmp_path / "POINT", V2))
    text = (folder / "mountinfo").read_text()
    (folder / "mountinfo").write_text(text.replace("POINT", r"c\040g"))
    assert cpu_quota(folder).cores == 1


@pytest.mark.parametrize("name", ["cgroup", "mountinfo"])
@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\n\n",
        b"nonsense",
        b"\xff\0: - :\n1 2 3 - cgroup2\n",
        b" - \n9:\n:x:",
        b"0 1 2 / /\\000 - cgroup2 c r",
    ],
)
def test_what_cannot_be_read_limits_nothing(name, content, tmp_path):
    folder = process(tmp_path, ["0::/"], ("/", limit(tmp_path / "cgroup", "100000 100000"), V2))
    assert cpu_quota(folder).cores == 1
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    assert cpu_quota(folder) is None
