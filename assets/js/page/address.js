// The address of the page says what is on screen, so that it can be shared.

import { noUpdate } from "../dash.js";
import { searchOf } from "./search_part.js";

/** Write what is on screen into the address; the inputs of the callback, in their order. */
export function writeAddress(model, run, selected, overlay, stage, beside, path, shown, named) {
  if (location.pathname !== "/" || !model) return noUpdate();
  // while a chosen model is analysed, what is selected belongs to the one that is still on screen
  const selection = shown && shown !== model ? named : selected;
  const search = searchOf({ model, run, selection, overlay, stage, beside });
  if (search !== location.search) history.replaceState(history.state, "", `/${search}`);
  return noUpdate();
}
