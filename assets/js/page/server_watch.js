// Says so while the server is away; Dash connects again by itself.

const EVERY_MS = 4000;
const AWAY = "The studio does not answer. Runs go on without it; this page follows again when it is back.";

/** Ask the server whether it is there, as long as the page is looked at. */
export function watchServer() {
  const bar = Object.assign(document.createElement("div"), { className: "offline", hidden: true, textContent: AWAY });
  bar.setAttribute("role", "alert");
  document.body.append(bar);
  setInterval(async () => {
    if (document.hidden) return;
    bar.hidden = await fetch("/api/health", { cache: "no-store" }).then((answer) => answer.ok, () => false);
  }, EVERY_MS);
}
