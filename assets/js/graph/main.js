// What the graph listens to on the page.

import * as accessibleList from "./accessible_list.js";
import * as buttons from "./buttons.js";
import * as keys from "./keys.js";
import * as present from "./present.js";

/** Listen to all of it. */
export function listen() {
  buttons.listen();
  keys.listen();
  accessibleList.listen();
  present.listen();
}
