"""conf/k8s: what can be checked without a cluster. No cluster ever ran it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.spark.defaults import spark_defaults
from tests.support.folders import PROJECT

FOLDER = PROJECT / "conf" / "k8s"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
SETTINGS = spark_defaults(FOLDER / "spark.conf")
KUBERNETES = "1.37"


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))


RESOURCES = [found for file in MANIFESTS for found in documents(file)]


def pods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The specification of every pod that a resource is or creates."""
    if resource["kind"] == "Pod":
        yield resource["spec"]
    for part in ("template", "jobTemplate"):
        inner = resource.get("spec", {}).get(part)
        if inner is not None:
            yield from pods({"kind": "Pod" if part == "template" else "Job", **inner})


PODS = [pod for resource in RESOURCES for pod in pods(resource)]
CONTAINERS = [one for pod in PODS for one in [*pod.get("initContainers", []), *pod["containers"]]]


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_the_manifests_satisfy_the_published_schemas(file: Path) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate (make test-tools)")
    for document in documents(file):
        assert validator.validate(document, KUBERNETES, strict=True) == KUBERNETES


def test_an_unknown_field_breaks_the_schema() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="needs kubernetes-validate (make test-tools)")
    [stream, *_] = documents(FOLDER / "streams.yaml")
    stream["spec"]["replica"] = 1
    with pytest.raises(validator.ValidationError, match="replica"):
        validator.validate(stream, KUBERNETES, strict=True)


def test_pods_run_the_image_of_docker_compose() -> None:
    compose = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")
    assert f"image: {SETTINGS['spark.kubernetes.container.image']}\n" in compose
    named = {container["image"] for container in CONTAINERS if "image" in container}
    assert named == {SETTINGS["spark.kubernetes.container.image"]}


def test_pods_may_do_no_more_than_they_need() -> None:
    assert len(CONTAINERS) == 7
    for container in CONTAINERS:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in PODS)


def test_all_containers_have_the_tables_and_the_settings() -> None:
    claimed = {(one["kind"], one["metadata"]["name"]) for one in RESOURCES}
    root = re.search(r'^root = "(.+)"$', (PROJECT / "conf" / "lakehouse.docker.toml").read_text(), re.MULTILINE)
    assert root is not None
    for container in CONTAINERS:
        assert {"name": "tables", "mountPath": root[1]} in container["volumeMounts"]
        [source] = container["envFrom"]
        assert ("ConfigMap", source["configMapRef"]["name"]) in claimed
    for pod in PODS:
        [tables] = [volume for volume in pod["volumes"] if volume["name"] == "tables"]
        assert ("PersistentVolumeClaim", tables["persistentVolumeClaim"]["claimName"]) in claimed


def test_the_streams_are_never_two_and_always_restarted() -> None:
    streams = [one for one in RESOURCES if one["kind"] == "Deployment"]
    assert [one["metadata"]["name"] for one in streams] == ["bronze", "silver"]
    for stream in streams:
        assert (stream["spec"]["replicas"], stream["spec"]["strategy"]) == (1, {"type": "Recreate"})


def test_a_failed_check_is_not_repeated_but_a_lost_pod_is() -> None:
    jobs = [one["spec"] for one in RESOURCES if one["kind"] == "CronJob"]
    assert len(jobs) == 2
    for job in jobs:
        [rule] = job["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
        assert rule["onExitCodes"]["values"] == [1]
        assert job["concurrencyPolicy"] == "Forbid"


def test_files_of_the_commands_and_settings_exist() -> None:
    commands = " ".join(word for container in CONTAINERS for word in container.get("command", []))
    named = re.findall(r"(?<![\w/])[a-z0-9_]+(?:/[a-z0-9_-]+)+\.(?:py|conf|yaml)", commands)
    named += [value for name, value in SETTINGS.items() if name.endswith("podTemplateFile")]
    assert {"bronze/ingest.py", "silver/refine.py", "operations/cli.py"} < set(named)
    assert [file for file in named if not (PROJECT / file).is_file()] == []


def test_drivers_start_executors_with_the_rights_of_their_account() -> None:
    accounts = {pod["serviceAccountName"] for pod in PODS if "serviceAccountName" in pod}
    [binding] = [one for one in RESOURCES if one["kind"] == "RoleBinding"]
    assert accounts == {subject["name"] for subject in binding["subjects"]}
    assert accounts == {SETTINGS["spark.kubernetes.authenticate.driver.serviceAccountName"]}


def started(pod: str, program: str, folder: Path, variables: dict[str, str], *arguments: str) -> list[str]:
    """The arguments that a pod's command gives to a program, if Spark adds these variables and arguments."""
    fake = folder / program
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    fake.chmod(0o755)
    [template] = documents(FOLDER / pod)
    command = [*template["spec"]["containers"][0]["command"], *arguments]
    path = {"PATH": f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin"}
    done = subprocess.run(command, env={**path, **variables}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_an_executor_starts_with_the_options_and_the_driver_that_spark_names(tmp_path: Path) -> None:
    options = {f"SPARK_JAVA_OPT_{number}": f"-Dnumber={number} x" for number in range(11)}
    names = ("DRIVER_URL", "EXECUTOR_ID", "EXECUTOR_CORES", "APPLICATION_ID", "EXECUTOR_POD_IP")
    names += ("RESOURCE_PROFILE_ID", "EXECUTOR_POD_NAME")
    variables = {"SPARK_EXECUTOR_MEMORY": "1024m", **options, **{f"SPARK_{name}": name for name in names}}
    given = started("executor-pod.yaml", "java", tmp_path, variables, "executor")
    assert given[:13] == [f"-Dnumber={number} x" for number in range(11)] + ["-Xms1024m", "-Xmx1024m"]
    assert given[14].endswith("/pyspark/jars/*")
    assert given[15] == "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
    assert [value for value in given[16:] if not value.startswith("--")] == list(names)


def test_a_driver_gets_the_arguments_that_spark_adds(tmp_path: Path) -> None:
    added = ("driver", "--properties-file", "/opt/spark/conf/spark.properties", "local:///opt/lakehouse/gold/x.py")
    given = started("driver-pod.yaml", "spark-submit", tmp_path, {"SPARK_DRIVER_BIND_ADDRESS": "10.0.0.7"}, *added)
    assert given == ["--conf", "spark.driver.bindAddress=10.0.0.7", "--deploy-mode", "client", *added[1:]]
