// Parts of the live status that change seldom, so that what depends on them is not called at every step of a run.

import { noUpdate } from "../dash.js";

function pick(live, previous, field) {
  const now = { run: live?.run ?? null, [field]: live?.[field] ?? null };
  return previous && previous.run === now.run && previous[field] === now[field] ? noUpdate() : now;
}

/** { run, status } when one of them has changed. */
export function pickStatus(live, previous) {
  return pick(live, previous, "status");
}

/** { run, snapshot } when one of them has changed. */
export function pickSnapshot(live, previous) {
  return pick(live, previous, "snapshot");
}

let phaseBefore = null;

/** The tab in front: the result when the run on screen gets done. */
export function frontTab(phase) {
  const finished = phase?.status === "done" && phaseBefore?.run === phase.run && phaseBefore.status !== "done";
  phaseBefore = phase;
  return finished ? "result" : noUpdate();
}
