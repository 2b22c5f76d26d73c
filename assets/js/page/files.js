// Files that are chosen on the page. A model goes to the server as it is: Dash would send it as base64 in a callback.

import { noUpdate, setProps } from "../dash.js";
import { writeStatus } from "./status_line.js";

/** Put a chooser for a .pt2 model in the label with this id. */
export function attachUpload(id) {
  return attach(id, ".pt2", "Upload a .pt2 model", upload);
}

/** Put a chooser for a configuration in the label with this id. */
export function attachYaml(id) {
  return attach(id, ".yaml,.yml", "Load a configuration", readYaml);
}

function attach(id, accept, label, onFile) {
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
  return noUpdate();
}

/* XMLHttpRequest, because fetch does not tell how much has been sent. */
function upload(file) {
  const request = new XMLHttpRequest();
  request.open("POST", `/api/models?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.onprogress = (event) => {
    if (!event.lengthComputable) return;
    writeStatus(`Uploading ${file.name}: ${Math.round((100 * event.loaded) / event.total)} %`, "working");
  };
  request.onload = () => {
    const answer = parsed(request.responseText);
    if (request.status === 201) setProps("uploaded", { data: { ...answer, at: Date.now() } });
    else writeStatus(answer.detail || `${file.name} was refused (${request.status})`, "failed");
  };
  request.onerror = () => {
    writeStatus(`${file.name} did not arrive: the studio closed the connection. Is it still running?`, "failed");
  };
  writeStatus(`Uploading ${file.name}`, "working");
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
  setProps("yaml-loaded", { data: { text: await file.text(), name: file.name, at: Date.now() } });
}
