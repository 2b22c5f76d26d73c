// The search part of the page's address: `?model=resnet20&select=node:conv2d_1`. What is as at first is left out.

/** The search part for what is on screen; `geta_studio/header/url.py` reads it. */
export function searchOf({ model, run, selection, overlay, stage, beside }) {
  const query = new URLSearchParams({ model });
  if (run) query.set("run", run);
  if (selection) query.set("select", `${selection.kind}:${selection.id}`);
  if (stage && stage !== "groups") query.set("stage", stage);
  if (overlay && overlay !== "group") query.set("overlay", overlay);
  if (beside) query.set("beside", beside);
  return `?${query}`.replaceAll("%3A", ":");
}
