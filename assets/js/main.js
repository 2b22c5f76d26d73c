// The one entry of the studio's scripts: what Dash and Mantine call by name, and what listens to the page.

import { register } from "./dash.js";
import { compareCallbacks, graphCallbacks } from "./graph/callbacks.js";
import { listen as listenToGraph } from "./graph/main.js";
import { writeAddress } from "./page/address.js";
import { nextScheme, preferred } from "./page/color_scheme.js";
import { attachUpload, attachYaml } from "./page/files.js";
import { frontTab, pickSnapshot, pickStatus } from "./page/run_phase.js";
import { showPage } from "./page/runs_page.js";
import { linked } from "./page/sparsity.js";
import { watchServer } from "./page/server_watch.js";
import { listen as listenToStatus } from "./page/status_line.js";

register("geta", {
  attachUpload, attachYaml, writeAddress, nextScheme, preferred, showPage, linked, frontTab, pickStatus, pickSnapshot,
});
register("getaGraph", graphCallbacks);
register("getaCompare", compareCallbacks);

/* Mantine looks its function props up here. The data field offers every choice whatever is typed in it. */
window.dashMantineFunctions = { ...window.dashMantineFunctions, showAllOptions: ({ options }) => options };

listenToGraph();
listenToStatus();
watchServer();
