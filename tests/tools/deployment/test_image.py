"""`make image`: builds and pushes once for each commit, with a docker of the test."""

import json
import os
from pathlib import Path

import boto3
import pytest

from tests.tools.deployment.test_preflight import prepare
from tools.deployment import image
from tools.deployment.account import Account
from tools.deployment.image import ImageNotBuilt, push_image

REPOSITORY = "whyviral-bootstrap-transcribe"
DIGEST = f"sha256:{'ab' * 32}"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that writes its arguments and its input to a file, and the file."""
    log = tmp_path / "docker.log"
    script = tmp_path / "docker"
    script.write_text(f"""#!/bin/sh
echo "$@" >> {log}
case $1 in
  login) cat >> {log}; echo >> {log};;
  push) echo "tag: digest: {DIGEST} size: 1";;
esac
""")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(image, "_CONTENTS", ("README.md.does-not-exist",))
    return log


def test_an_image_is_built_for_the_workers_architecture_and_pushed(account: Account, docker: Path) -> None:
    prepare()
    boto3.client("ecr").create_repository(repositoryName=REPOSITORY)

    pushed = push_image(account, device="cuda")

    login, password, build, push = docker.read_text().splitlines()
    assert pushed == f"{REPOSITORY}@{DIGEST}"
    assert login.startswith("login --username AWS --password-stdin ")
    assert password not in login + build + push
    assert "--platform linux/amd64" in build
    assert "DEVICE=cuda" in build
    assert push.rpartition("-")[2] == "cuda"


def test_the_image_of_a_commit_is_pushed_once(account: Account, docker: Path) -> None:
    prepare()
    client = boto3.client("ecr")
    client.create_repository(repositoryName=REPOSITORY)
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": DIGEST, "size": 1, "mediaType": "x"},
        "layers": [],
    }
    put = client.put_image(repositoryName=REPOSITORY, imageManifest=json.dumps(manifest), imageTag=image._tag("cpu"))

    assert push_image(account) == f"{REPOSITORY}@{put['image']['imageId']['imageDigest']}"
    assert not docker.exists()


def test_without_a_repository_or_docker_the_message_says_what_to_do(
    account: Account, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImageNotBuilt, match="no stack whyviral-bootstrap"):
        push_image(account)
    prepare()
    boto3.client("ecr").create_repository(repositoryName=REPOSITORY)
    monkeypatch.setattr("shutil.which", lambda _: None)

    with pytest.raises(ImageNotBuilt, match="needs docker"):
        push_image(account)


def test_uncommitted_changes_of_the_worker_are_refused(
    account: Account, docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare()
    git = tmp_path / "git"
    git.write_text("#!/bin/sh\necho ' M functions/transcribe/worker.py'\n")
    git.chmod(0o755)

    with pytest.raises(ImageNotBuilt, match="Commit the changes of the worker first"):
        push_image(account)
