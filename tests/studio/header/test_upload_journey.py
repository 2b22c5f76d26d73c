"""An upload in a real browser while its analysis takes its time: the selector stays alive, and it can be deleted."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from serving import Server, children

import geta_engine as ge

ANALYSIS = "geta_engine.analysis.process"


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_another_model_can_be_chosen_while_an_upload_is_analysed(server: Server, page: Any, tmp_path: Path) -> None:
    ge.load("lenet").save(str(tmp_path / "mine.pt2"))
    page.goto(server.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    server.forget_analyses()
    page.set_input_files("#model-upload input", tmp_path / "mine.pt2")
    page.wait_for_selector("#model-status:has-text('Analysing mine.pt2')")
    while not (actual := children(server.pid, ANALYSIS)):
        page.wait_for_timeout(20)
    (halted,) = actual
    os.kill(halted, signal.SIGSTOP)
    page.click("#model-select")
    page.click("[role=option][value='mlp']")
    page.wait_for_selector("#graph-panel[data-drawn='mlp']")
    assert children(server.pid, ANALYSIS) == [halted]
    page.click("#model-select")
    page.click("[role=option]:has-text('mine.pt2')")
    page.wait_for_selector("#model-status:has-text('Analysing mine.pt2')")
    page.click("#model-delete")
    page.click("#model-delete-now")
    page.wait_for_function("() => document.querySelector('#model-select').value === 'mlp'")
    page.wait_for_selector("#model-delete", state="hidden")
    assert not any((tmp_path / "models").iterdir()) and halted not in children(server.pid, ANALYSIS)
