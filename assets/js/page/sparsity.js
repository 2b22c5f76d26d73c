// The slider of the sparsity and the field beside it show one number.

import { noUpdate, triggeredId } from "../dash.js";

const MOST = 0.95;

/** [value of the slider, value of the field] after one of them has changed. */
export function linked(slider, typed) {
  if (triggeredId() === "sparsity") return [noUpdate(), slider];
  return [typeof typed === "number" ? Math.min(MOST, Math.max(0, typed)) : noUpdate(), noUpdate()];
}
