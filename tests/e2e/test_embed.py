"""The examples: libdvsync in another program, a source plugin, and both against an installed tree."""

import os
import shutil
import subprocess

import pytest

from harness import (BUILD, DONE, INVALID, NUMBERED, PARTIAL, PLUGINS, ROOT, USAGE, Project, Result, by_key, counts,
                     csv_project, numbered, rows)

EMBED = BUILD / "examples" / "embed"


def run_program(program, *args, env=None):
    variables = {k: v for k, v in os.environ.items() if not k.startswith("DVSYNC_")}
    variables.update(env or {})
    done = subprocess.run([str(program), *map(str, args)], env=variables, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
    return Result([program, *args], done.returncode, done.stdout, done.stderr)


def project_of(folder, n=20):
    project = csv_project(folder)
    project.csv("partners", NUMBERED, numbered(n))
    return project


def test_embed_syncs_and_tells(tmp_path):
    project = project_of(tmp_path)
    first = run_program(EMBED, project.file, PLUGINS)
    first.expect(DONE)
    for line in ("drift: yes", "success: yes", "status: completed", "changes detected: yes",
                 "created 20, updated 0, deleted 0, unchanged 0, row errors 0", "errors: 0"):
        assert line in first.out.splitlines(), first
    assert first.out.count('"op":"create"') == 5, "the first five changes are shown"
    assert "partners from files: " in first.err, "progress was called"
    assert ", done" in first.err
    assert len(by_key(project.db, "partners", "id", "name")) == 20
    assert rows(project.db, 'SELECT "trigger" FROM _sync_runs') == [("embed",)]

    second = run_program(EMBED, project.file, PLUGINS)
    second.expect(DONE)
    for line in ("drift: no", "changes detected: no", "created 0, updated 0, deleted 0, unchanged 20, row errors 0"):
        assert line in second.out.splitlines(), second
    assert '"op"' not in second.out


def test_embed_tells_row_errors(tmp_path):
    project = project_of(tmp_path)
    project.csv("partners", NUMBERED, [*numbered(3), ("", "no key", "x", "1.00")])
    result = run_program(EMBED, project.file, PLUGINS)
    result.expect(PARTIAL)
    assert "success: no" in result.out
    assert "created 3, updated 0, deleted 0, unchanged 0, row errors 1" in result.out
    assert "errors: 1" in result.out


def users_project(folder):
    (folder / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\nada:x:1815:1815::/home/ada:/bin/sh\n")
    return Project(folder, "users").write({"source": {"plugin": "passwd", "settings": {"path": "passwd"}},
                                           "entities": ["users"]})


def test_the_example_plugin(tmp_path):
    project = users_project(tmp_path)
    there = ("--plugin-path", BUILD / "examples")
    project.sync(*there)
    assert project.rows("SELECT name, uid, typeof(uid), comment, shell FROM users_current ORDER BY uid") == [
        ("root", 0, "integer", "root", "/bin/bash"), ("ada", 1815, "integer", None, "/bin/sh")]

    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/zsh\nada:x:x:1815::/home/ada:/bin/sh\n")
    result = project.sync(*there, expect=PARTIAL)
    assert counts(result, "users") == (0, 1, 0, 0, 0, 1)
    assert project.value("SELECT count(*) FROM users_current") == 2, "a record that failed is not a deleted one"

    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/zsh\n")
    assert counts(project.sync(*there), "users") == (0, 0, 1, 1, 0, 0)
    assert project.diff(*there, expect=DONE).changes == []


def test_embed_tells_what_is_wrong(tmp_path):
    assert run_program(EMBED).code == USAGE
    missing = run_program(EMBED, tmp_path / "nowhere.yaml", PLUGINS)
    missing.expect(INVALID)
    assert missing.err.startswith("project: ") and "nowhere.yaml" in missing.err


def test_installed_tree(tmp_path):
    """`cmake --install` gives all that a user of the program, the library or the plugin header needs."""
    compiler = shutil.which("cc")
    if compiler is None or shutil.which("pkg-config") is None or shutil.which("cmake") is None:
        pytest.skip("needs cc, pkg-config and cmake")
    if "sanitize" in next((line for line in (BUILD / "CMakeCache.txt").read_text().splitlines()
                           if line.startswith("CMAKE_C_FLAGS_RELWITHDEBINFO")), ""):
        pytest.skip("the library of this build wants its sanitizer's runtime in the program")
    prefix = tmp_path / "prefix"
    subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(prefix)], check=True,
                   stdout=subprocess.DEVNULL, umask=0o002)  # the plugins are trusted all the same
    there = {str(p.relative_to(prefix)) for p in prefix.rglob("*") if not p.is_dir()}
    pkgconfig = next(prefix.rglob("libdvsync.pc")).parent
    lib = pkgconfig.parent

    def pkg_config(*args):
        done = subprocess.run(["pkg-config", *args, "libdvsync"], check=True,
                              capture_output=True, text=True, env={**os.environ, "PKG_CONFIG_PATH": str(pkgconfig)})
        return done.stdout.split()

    for file in ("bin/dvsync", "include/dvsync/dvsync.h", "include/dvsync/error.h", "include/dvsync/plugin.h",
                 "include/dvsync/plugin_util.h", "include/dvsync/version.h", "share/man/man1/dvsync.1",
                 "share/dvsync/json/sync.schema.json"):
        assert file in there, sorted(there)
    plugins = lib.relative_to(prefix) / "dvsync"
    assert os.path.realpath(pkg_config("--variable=plugindir")[0]) == str(prefix / plugins)
    assert sorted(f for f in there if f.endswith(".so") and f.startswith(str(plugins))) == [
        str(plugins / f"dvsync-{name}.so") for name in ("sink-sqlite", "source-csv", "source-dataverse")]
    assert not [f for f in there if "scripted" in f or "memory" in f or "csvtiny" in f], "test plugins stay out"

    program = tmp_path / "embed"
    subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", str(program),
                    str(ROOT / "examples/embed.c"), *pkg_config("--cflags", "--libs"), f"-Wl,-rpath,{lib}"], check=True)
    project = project_of(tmp_path / "project")
    run_program(program, project.file, lib / "dvsync").expect(DONE)
    assert len(by_key(project.db, "partners", "id", "name")) == 20

    # The installed program finds its library and its plugins by itself; a plugin of one's own is one cc line away.
    dvsync = prefix / "bin/dvsync"
    run_program(dvsync, "diff", "--config-file", project.file).expect(DONE)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(tmp_path / "dvsync-source-passwd.so"),
                    str(ROOT / "examples/source-passwd.c"), *pkg_config("--cflags")], check=True)
    users = users_project(tmp_path)
    run_program(dvsync, "sync", "--config-file", users.file, "--plugin-path", tmp_path).expect(DONE)
    assert users.value("SELECT count(*) FROM users") == 2
