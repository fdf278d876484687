# SPDX-License-Identifier: GPL-3.0-or-later
"""What users install, by pip or by ansible-galaxy, works from any folder and says what it is."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.shadownet.ipam.tests.integration.ansible_run import CHECKOUT, Ansible, Run

MODULES = sorted(path.stem for path in (CHECKOUT / "plugins/modules").glob("[a-z]*.py"))
LOOKUPS = sorted(path.stem for path in (CHECKOUT / "plugins/lookup").glob("[a-z]*.py"))
PLAYBOOKS = sorted(path.stem for path in (CHECKOUT / "playbooks").glob("*.yml"))
WRAPPER = "#!{python}\nimport sys\nfrom ansible.cli.{name} import main\nsys.exit(main())\n"


def fqcn(name: str) -> str:
    return f"shadownet.ipam.{name}"


@cache
def runtime() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())
    return loaded


@cache
def galaxy() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
    return loaded


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


def command(*words: str | Path, cwd: Path | None = None) -> None:
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def clean_environment(folder: Path) -> Path:
    """A virtual environment with what this one has installed, except Shadownet and any collections; its ``bin``."""
    venv.create(folder, with_pip=False, symlinks=True)
    others = folder / "others"
    others.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name != "ansible_collections" and not entry.name.startswith("shadownet"):
            (others / entry.name).symlink_to(entry)
    (site_packages(folder) / "others.pth").write_text(f"{others}\n")
    for name in ("doc", "playbook", "galaxy"):
        script = folder / "bin" / f"ansible-{name}"
        script.write_text(WRAPPER.format(python=folder / "bin/python", name=name))
        script.chmod(0o755)
    return folder / "bin"


def site_packages(environment: Path) -> Path:
    return next(environment.glob("lib/python3.*/site-packages"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=CHECKOUT)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tarball")
    Ansible(folder).command(
        "ansible-galaxy", "collection", "build", str(CHECKOUT), "--output-path", str(folder / "out")
    ).ok()
    return next((folder / "out").glob("*.tar.gz"))


@pytest.fixture(scope="module", params=["pip", "ansible-galaxy"])
def installed(
    request: pytest.FixtureRequest, wheel: Path, tarball: Path, tmp_path_factory: pytest.TempPathFactory
) -> Ansible:
    """Ansible in a clean environment in which the collection was installed as a user would, in another folder."""
    place = tmp_path_factory.mktemp("installed")
    bin_folder = clean_environment(place / "venv")
    if request.param == "pip":
        command(
            *(sys.executable, "-m", "pip", "--python", bin_folder / "python"),
            *("install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", wheel),
        )
        return Ansible(place / "elsewhere", bin=bin_folder)
    ansible = Ansible(place / "elsewhere", collections=place / "collections", bin=bin_folder)
    ansible.command(
        *("ansible-galaxy", "collection", "install", "--offline", str(tarball)), *("-p", str(place / "collections"))
    ).ok()
    return ansible


def documented(ansible: Ansible, kind: str, names: list[str]) -> dict[str, Any]:
    run = ansible.command("ansible-doc", "--json", "-t", kind, *map(fqcn, names)).ok()
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def checked_syntax(ansible: Ansible, play: dict[str, Any]) -> Run:
    return ansible.playbook([{"hosts": "localhost", **play}], "--syntax-check")


def test_every_module_has_its_documentation_after_installation(installed: Ansible) -> None:
    found = documented(installed, "module", MODULES)
    assert sorted(found) == sorted(map(fqcn, MODULES))
    for name, page in found.items():
        assert page["doc"]["options"], name
        assert not Path(page["doc"]["filename"]).is_relative_to(CHECKOUT), "found the checkout, not the installation"
        assert page["doc"]["filename"].endswith(f"ansible_collections/shadownet/ipam/plugins/modules/{name[15:]}.py")


def test_every_lookup_has_its_documentation_after_installation(installed: Ansible) -> None:
    assert sorted(documented(installed, "lookup", LOOKUPS)) == sorted(map(fqcn, LOOKUPS))


def test_plays_find_every_module_and_no_other(installed: Ansible) -> None:
    checked_syntax(installed, {"tasks": [{fqcn(name): {}} for name in MODULES]}).ok()
    wrong = checked_syntax(installed, {"tasks": [{"shadownet.ipam.nonsense": {}}]})
    assert wrong.rc != 0
    assert "shadownet.ipam.nonsense" in wrong.output


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_playbook_is_found_by_its_full_name(installed: Ansible, name: str) -> None:
    run = installed.command("ansible-playbook", "--syntax-check", fqcn(name))
    assert run.rc == 0, run.output


def test_installed_module_runs_and_takes_the_defaults_of_the_group(installed: Ansible, tmp_path: Path) -> None:
    ledger = tmp_path / "group" / "ledger.db"
    ledger.parent.mkdir()
    installed.play(
        [{"shadownet.ipam.pool": {"name": "web", "kind": "provider", "prefixes": ["10.0.0.0/24"]}}],
        play={"module_defaults": {"group/shadownet.ipam.ipam": {"ledger": str(ledger)}}},
    ).ok()
    assert ledger.is_file()


def test_module_that_runs_on_nodes_arrives_there_with_its_rooms(installed: Ansible) -> None:
    config = {"interfaces": [{"name": "br-web", "type": "bridge"}]}
    run = installed.play([{"shadownet.ipam.frontend_config": {"state": "rendered", "config": config}}]).ok()
    assert not run.task("frontend_config").changed


def test_wheel_holds_the_collection_and_nothing_of_the_workshop(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    inside = [name for name in names if ".dist-info/" not in name]
    assert all(name.startswith("ansible_collections/shadownet/ipam/") for name in inside)
    tops = {name.split("/")[3] for name in inside}
    assert {"plugins", "meta", "galaxy.yml", "README.md", "LICENSE"} <= tops
    assert not tops & {"tests", ".venv", "scripts", "demo", "Makefile"}
    # These two are namespaces: an __init__.py would hide everybody else's collections.
    assert not {"ansible_collections/__init__.py", "ansible_collections/shadownet/__init__.py"} & set(inside)
    assert "ansible_collections/shadownet/ipam/plugins/module_utils/model/errors.py" in inside


def test_tarball_holds_the_collection_and_nothing_of_the_workshop(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    tops = {name.split("/")[0] for name in names}
    assert {"plugins", "meta", "README.md", "LICENSE", "MANIFEST.json", "FILES.json"} <= tops
    assert not tops & {"tests", "scripts", "demo", "build", "dist", "Makefile", "pyproject.toml"}
    assert not [name for name in tops if name.startswith(".")]
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.parametrize("name", MODULES)
def test_module_explains_itself(name: str) -> None:
    source = ast.parse((CHECKOUT / f"plugins/modules/{name}.py").read_text())
    texts = {
        target.id: ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for part in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
        assert texts.get(part, "").strip(), f"{name} has no {part}"
    assert yaml.safe_load(texts["DOCUMENTATION"])["module"] == name
    assert fqcn(name) in texts["EXAMPLES"]


@pytest.mark.parametrize("name", MODULES)
def test_readme_names_the_module(name: str) -> None:
    assert re.search(rf"`(shadownet\.ipam\.)?{name}`", (CHECKOUT / "README.md").read_text())


def test_action_group_is_exactly_the_modules_that_open_the_ledger(ansible: Ansible) -> None:
    group = runtime()["action_groups"]["ipam"]
    assert group == sorted(set(group))
    assert set(group) <= set(MODULES)
    found = documented(ansible, "module", MODULES)
    assert group == sorted(name for name in MODULES if "ledger" in found[fqcn(name)]["doc"]["options"])


@pytest.mark.parametrize("name", runtime()["action_groups"]["ipam"])
def test_ledger_module_runs_on_the_controller(name: str) -> None:
    assert (CHECKOUT / f"plugins/action/{name}.py").is_file(), "without one it would open a ledger on the play's host"


def test_versions_agree() -> None:
    assert galaxy()["version"] == project()["version"]
    (ansible_core,) = [need for need in project()["dependencies"] if need.startswith("ansible-core")]
    assert runtime()["requires_ansible"] == f">={ansible_core.partition('>=')[2]}.0"


def test_names_agree() -> None:
    assert f"{galaxy()['namespace']}-{galaxy()['name']}" == project()["name"]
    assert galaxy()["license_file"] in project()["license-files"]
