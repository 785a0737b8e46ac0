"""The Helm chart: it renders what Kubernetes takes, without a secret in it, and as hardened as docs/deploy.md says."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.environment import variables

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "huitou"
VALUES = {path.stem: path for path in sorted(CHART.glob("ci/*.yaml"))}
VERSIONS = ("1.28", "1.33", "1.37")
SERVICES = ("segment", "loyalty", "campaign", "notify")
FOREIGN = {"ScaledObject", "ServiceMonitor"}
Manifest = dict[str, Any]


def tool(name: str) -> str:
    """Where a program of Go's is; skips the test if it is not installed."""
    places = os.pathsep.join((os.environ.get("PATH", ""), os.environ.get("GOBIN", ""), str(Path.home() / "go" / "bin")))
    found = shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"{name} is not installed; docs/deploy.md says how")
    return found


def helm(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([tool("helm"), *map(str, command)], capture_output=True, text=True, timeout=60, check=False)


def rendered(values: str) -> str:
    done = helm("template", "huitou", CHART, "--values", VALUES[values], "--kube-version", "1.33.0")
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.fixture(params=VALUES)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return [found for found in yaml.safe_load_all(rendered(request.param)) if found]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """(kind, pod template) of everything that runs."""
    for found in manifests:
        if "template" in found.get("spec", {}):
            yield found["kind"], found["spec"]["template"]


@pytest.mark.parametrize("values", VALUES)
def test_the_chart_lints(values: str) -> None:
    done = helm("lint", "--strict", CHART, "--values", VALUES[values], "--kube-version", "1.33.0")
    assert not done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_what_is_rendered(manifests: list[Manifest], version: str) -> None:
    unknown = set()
    for manifest in manifests:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.add(manifest["kind"])
    assert unknown <= FOREIGN


@pytest.mark.parametrize("values", VALUES)
def test_the_schemas_of_the_api_server_take_it_too(values: str, tmp_path: Path) -> None:
    parts = [found for found in yaml.safe_load_all(rendered(values)) if found and found["kind"] not in FOREIGN]
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(parts))
    command = [tool("kubectl-validate"), str(file), "--version", "1.30"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert not done.returncode, done.stdout + done.stderr


def test_without_values_it_says_which_are_missing() -> None:
    done = helm("template", "huitou", CHART, "--kube-version", "1.33.0")
    assert done.returncode
    for name in ("kafka.bootstrapServers", "postgres.host", "installation.existingSecret", "sms.url"):
        assert name in done.stderr


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("kafka.password=s3cret", "password"),
        ("services.billing.existingSecret=x", "billing"),
        ("kafka.partitions=0", "kafka.partitions"),
    ],
)
def test_a_wrong_value_is_refused(setting: str, named: str) -> None:
    options = ("--values", VALUES["least"], "--kube-version", "1.33.0", "--set", setting)
    done = helm("template", "huitou", CHART, *options)
    assert done.returncode
    assert named in done.stderr


def test_every_service_has_its_processes_and_a_migration(manifests: list[Manifest]) -> None:
    names = {(found["kind"], found["metadata"]["name"]) for found in manifests}
    for service in SERVICES:
        assert ("Deployment", f"huitou-{service}-api") in names
        assert ("StatefulSet", f"huitou-{service}-worker") in names
        assert ("Job", f"huitou-{service}-migrate") in names
        assert {("PodDisruptionBudget", f"huitou-{service}-{process}") for process in ("api", "worker")} <= names
    assert ("Job", "huitou-segment-setup") in names
    hooks = [found["metadata"]["annotations"]["helm.sh/hook"] for found in manifests if found["kind"] == "Job"]
    assert set(hooks) == {"pre-install,pre-upgrade"}


def test_secrets_are_given_by_reference_only(manifests: list[Manifest]) -> None:
    assert "Secret" not in {found["kind"] for found in manifests}
    secret = ("PASSWORD", "SECRET", "KEY", "TOKEN", "SECURITY")
    for _, pod in pods(manifests):
        for variable in pod["spec"]["containers"][0]["env"]:
            if variable["name"].endswith(secret):
                assert "secretKeyRef" in variable["valueFrom"], variable["name"]


def test_a_process_is_told_only_what_it_reads(manifests: list[Manifest]) -> None:
    known = variables().keys() | {"DATABASE_PASSWORD"}
    told = {variable["name"] for _, pod in pods(manifests) for variable in pod["spec"]["containers"][0]["env"]}
    assert told <= known


def test_every_pod_is_hardened(manifests: list[Manifest]) -> None:
    for _, pod in pods(manifests):
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_process_is_asked_how_it_is_and_given_time_to_stop(manifests: list[Manifest]) -> None:
    for kind, pod in pods(manifests):
        if kind == "Job":
            continue
        (container,) = pod["spec"]["containers"]
        told = {one["name"]: one for one in container["env"]}
        assert pod["spec"]["terminationGracePeriodSeconds"] >= int(told["HUITOU_GRACE_SECONDS"]["value"]) + 2
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        # A worker keeps its name in the group when it starts again.
        assert told["HUITOU_INSTANCE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_selectors_find_their_pods(manifests: list[Manifest]) -> None:
    labels = [pod["metadata"]["labels"].items() for _, pod in pods(manifests)]
    for found in manifests:
        selector = found["spec"].get("selector") or found["spec"].get("podSelector")
        if selector:
            wanted = selector.get("matchLabels", selector) if isinstance(selector, dict) else {}
            assert any(wanted.items() <= one for one in labels), found["metadata"]["name"]
