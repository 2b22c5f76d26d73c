"""The REST routes over a real store."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from geta_engine.config import RunConfig
from geta_engine.runs.workspace import Workspace
from geta_studio.server.app import create_app
from geta_studio.services.services import Services


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    services = Services(Workspace(f"sqlite:///{tmp_path}/geta.db"))
    yield services
    services.close()


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(create_app(services).server)


def test_an_upload_lands_under_its_hash(client: TestClient, services: Services) -> None:
    content = b"x" * 3_000_000
    answer = client.post("/api/models?name=..%2F..%2Fmine.pt2", content=content)
    digest = hashlib.sha256(content).hexdigest()
    assert (answer.status_code, answer.json()) == (201, {"model": f"upload-{digest}", "name": "mine.pt2"})
    assert Path(services.library.spec(f"upload-{digest}")).read_bytes() == content
    assert {"value": f"upload-{digest}", "label": "mine.pt2"} in services.library.options()


@pytest.mark.parametrize("honest", [True, False])
def test_an_upload_over_the_limit_leaves_nothing(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    monkeypatch.setenv("GETA_MAX_UPLOAD_MB", "1")
    content = b"x" * 1_000_001
    answer = client.post("/api/models", content=content if honest else iter([content[:600_000], content[600_000:]]))
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["detail"]
    assert list(services.workspace.models.iterdir()) == []


def test_an_empty_upload_is_refused(client: TestClient, services: Services) -> None:
    assert client.post("/api/models", content=b"").status_code == 422
    assert list(services.workspace.models.iterdir()) == []


def test_an_upload_to_a_full_disk_is_a_sentence_and_leaves_nothing(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(services.library, "add", no_room)
    answer = client.post("/api/models", content=b"x" * 100)
    assert answer.status_code == 507
    assert "disk" in answer.json()["detail"]
    assert list(services.workspace.models.iterdir()) == []


def test_data_whose_name_cannot_be_a_path_is_a_problem(services: Services) -> None:
    assert "cannot be found" in (services.data_problem("cifar10:" + "a" * 5000) or "")
    assert services.data_problem("npz:a\0b") is not None


def test_runs_are_listed_and_shown(client: TestClient, services: Services) -> None:
    run = services.store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    assert [entry["run"] for entry in client.get("/api/runs").json()["runs"]] == [run]
    on_screen = client.get(f"/api/runs/{run}").json()
    assert (on_screen["status"], on_screen["step"], on_screen["config"]["model"]) == ("queued", 0, "mlp")


def test_what_is_not_there_is_404_with_a_sentence(client: TestClient, services: Services) -> None:
    assert "not in this store" in client.get("/api/runs/7").json()["detail"]
    run = services.store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    answer = client.get(f"/api/runs/{run}/compact.pt2")
    assert (answer.status_code, answer.json()["detail"]) == (404, f"run {run} has no compact model yet: it is queued")


def test_the_compact_model_is_a_download(client: TestClient, services: Services) -> None:
    run = services.store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    services.workspace.create_artifacts(run)
    services.workspace.compact_file(run).write_bytes(b"small")
    services.store.set_status(run, "done")
    answer = client.get(f"/api/runs/{run}/compact.pt2")
    assert (answer.status_code, answer.content) == (200, b"small")
    assert f'filename="mlp-run{run}-compact.pt2"' in answer.headers["content-disposition"]


def test_errors_carry_no_path_of_the_workspace(client: TestClient, services: Services) -> None:
    run = services.store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    services.store.set_status(run, "failed", error=f"cannot read {services.workspace.root}/models/a.pt2\nTraceback")
    assert client.get(f"/api/runs/{run}").json()["error"] == "cannot read models/a.pt2"


def test_the_routes_are_in_openapi(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/api/health",
        "/api/models",
        "/api/models/{key}/graph.dot",
        "/api/models/{key}/graph.json",
        "/api/runs",
        "/api/runs/{run_id}",
        "/api/runs/{run_id}/compact.pt2",
    }


def test_keys_never_become_paths(services: Services) -> None:
    for key in ("../../etc/passwd", "upload-../../x", "run-../1", "given", "/etc/passwd", "pkg.module:factory"):
        with pytest.raises(Exception, match="there is no model"):
            services.library.spec(key)


def test_the_graph_of_an_analysed_model_is_there_as_json_and_dot(client: TestClient, services: Services) -> None:
    assert client.get("/api/models/mlp/graph.json").status_code == 404
    services.analyses.ensure_analysis("mlp")
    while services.analyses.ensure_analysis("mlp").state == "working":
        time.sleep(0.1)
    assert client.get("/api/models/mlp/graph.json").json()["prunable_units"] == 192
    answer = client.get("/api/models/mlp/graph.dot")
    assert answer.text.startswith('digraph "mlp"') and "fc1" in answer.text
    branches = client.get("/api/models/mlp/graph.dot", params={"stage": "branches", "open": "attached · fc1"}).text
    assert 'label="attached · fc1"' in branches and 'label="attached · fc1"' not in answer.text
    assert client.get("/api/models/mlp/graph.dot?stage=middle").status_code == 422
    assert client.get("/api/models/..%2F..%2Fetc/graph.dot").status_code == 404


ABSURD_KEYS = (
    "nothing",
    "run-999999",
    "compact-999999",
    *(f"{kind}-{'9' * 5000}" for kind in ("run", "compact", "upload")),
)


@pytest.mark.parametrize("key", ABSURD_KEYS, ids=lambda key: key[:16])
@pytest.mark.parametrize("form", ["graph.json", "graph.dot"])
def test_a_model_that_cannot_be_is_404_with_a_sentence(client: TestClient, key: str, form: str) -> None:
    answer = client.get(f"/api/models/{key}/{form}")
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("is not analysed here: open it in the studio first")
    assert len(answer.json()["detail"]) < 140


@pytest.mark.parametrize("run_id", ["0", "-1", "7", "9" * 18, "9" * 30, "9" * 5000, "x"], ids=lambda text: text[:19])
@pytest.mark.parametrize("file", ["", "/compact.pt2"])
def test_a_run_that_cannot_be_is_refused_with_a_sentence(client: TestClient, run_id: str, file: str) -> None:
    answer = client.get(f"/api/runs/{run_id}{file}")
    assert answer.status_code in (404, 422)
    assert answer.json()["detail"]


def test_reading_makes_no_folder(client: TestClient, services: Services) -> None:
    run = services.store.create_run(RunConfig(model="mlp"), "mlp", "mlp")
    for path in (
        "health",
        "runs",
        f"runs/{run}",
        f"runs/{run}/compact.pt2",
        "runs/12",
        "models/compact-12/graph.json",
        f"models/run-{run}/graph.dot",
    ):
        assert client.get(f"/api/{path}").status_code in (200, 404)
    assert not (services.workspace.root / "artifacts").exists()
