/* Small client-side parts of the studio: uploads past Dash's base64, the address, theme, pages, linked inputs. */
window.geta = (() => {
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const keep = () => window.dash_clientside.no_update;

  function say(text, kind) {
    set("model-status", { children: text, className: `model-status ${kind}` });
  }

  function fileInput(id, accept, label, onFile) {
    const host = document.getElementById(id);
    if (host && !host.querySelector("input")) {
      const input = document.createElement("input");
      Object.assign(input, { type: "file", accept, className: "file-input" });
      input.setAttribute("aria-label", label);
      input.addEventListener("change", () => {
        if (input.files.length) onFile(input.files[0]);
        input.value = "";
      });
      host.append(input);
    }
    return keep();
  }

  function upload(file) {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/models?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) say(`Uploading ${file.name}: ${Math.round((100 * event.loaded) / event.total)} %`, "working");
    };
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status === 201) set("uploaded", { data: { ...answer, at: Date.now() } });
      else say(answer.detail || `${file.name} was refused (${request.status})`, "failed");
    };
    request.onerror = () => say(`${file.name} did not arrive: the studio closed the connection. Is it still running?`, "failed");
    say(`Uploading ${file.name}`, "working");
    request.send(file);
  }

  function parsed(text) {
    try {
      return JSON.parse(text);
    } catch {
      return {};
    }
  }

  async function readYaml(file) {
    set("yaml-loaded", { data: { text: await file.text(), name: file.name, at: Date.now() } });
  }

  /* While a chosen model is analysed, what is selected is of the one still on screen (`shown`). */
  function writeAddress(model, run, selected, overlay, stage, beside, path, shown, named) {
    if (location.pathname !== "/" || !model) return keep();
    const query = new URLSearchParams({ model }), selection = shown && shown !== model ? named : selected;
    if (run) query.set("run", run);
    if (selection) query.set("select", `${selection.kind}:${selection.id}`);
    if (stage && stage !== "groups") query.set("stage", stage);
    if (overlay && overlay !== "group") query.set("overlay", overlay);
    if (beside) query.set("beside", beside);
    const search = `?${query}`.replaceAll("%3A", ":");
    if (search !== location.search) history.replaceState(history.state, "", `/${search}`);
    return keep();
  }

  const preferred = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

  function nextScheme(clicks, scheme) {
    if (!clicks) return keep();
    return (scheme || preferred()) === "dark" ? "light" : "dark";
  }

  function showPage(path) {
    const runs = path === "/runs";
    document.getElementById("workspace")?.toggleAttribute("inert", runs);
    return [{ display: runs ? "flex" : "none" }, {}];
  }

  function linked(slider, typed) {
    const changed = window.dash_clientside.callback_context.triggered_id;
    if (changed === "sparsity") return [keep(), slider];
    return [typeof typed === "number" ? Math.min(0.95, Math.max(0, typed)) : keep(), keep()];
  }

  let phaseBefore = null;

  /* The result comes to the front when the run on screen gets done. */
  function frontTab(phase) {
    const finished = phase?.status === "done" && phaseBefore?.run === phase.run && phaseBefore.status !== "done";
    phaseBefore = phase;
    return finished ? "result" : keep();
  }

  function pick(live, known, field) {
    const now = { run: live?.run ?? null, [field]: live?.[field] ?? null };
    return known && known.run === now.run && known[field] === now[field] ? keep() : now;
  }

  /* Says so while the server is away; Dash connects again by itself. */
  function watchServer() {
    const bar = Object.assign(document.createElement("div"), { className: "offline", hidden: true });
    bar.setAttribute("role", "alert");
    bar.textContent = "The studio does not answer. Runs go on without it; this page follows again when it is back.";
    document.body.append(bar);
    setInterval(async () => {
      if (document.hidden) return;
      bar.hidden = await fetch("/api/health", { cache: "no-store" }).then((answer) => answer.ok, () => false);
    }, 4000);
  }
  document.addEventListener("DOMContentLoaded", watchServer);
  document.addEventListener("click", (event) => {
    if (event.target.closest("#model-status.failed")) say("", "");
    const opener = event.target.closest("[data-model]");
    if (opener) set("model-select", { value: opener.dataset.model });
  });

  return {
    attachUpload: (id) => fileInput(id, ".pt2", "Upload a .pt2 model", upload),
    attachYaml: (id) => fileInput(id, ".yaml,.yml", "Load a configuration", readYaml),
    writeAddress,
    preferred,
    nextScheme,
    showPage,
    linked,
    frontTab,
    pick,
  };
})();

/* Mantine looks its function props up here. The data field offers every choice whatever is typed in it. */
window.dashMantineFunctions = { ...window.dashMantineFunctions, showAllOptions: ({ options }) => options };
