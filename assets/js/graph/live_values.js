// What a run, or the bounds being edited, make of the numbers on the graph. Plain data; painting.js puts it on screen.

/** Bits of a quantizer in the run, else its upper bound being edited; null where neither says. */
export function bitsOf({ now, bits }, quantizer) {
  if (now && quantizer in now.bits) return now.bits[quantizer];
  if (!bits) return null;
  const bounds = bits.layers[quantizer] || bits.default;
  return typeof bounds[1] === "number" ? bounds[1] : null;
}

/** [kept, redundant, zero] units of groups together, or null where the run says nothing of one of them. */
export function unitCounts({ now }, groups) {
  const sum = [0, 0, 0];
  for (const group of groups) {
    const counts = now && now.groups[group];
    if (!counts) return null;
    for (let i = 0; i < 3; i += 1) sum[i] += counts[i];
  }
  return sum[0] + sum[1] + sum[2] > 0 ? sum : null;
}

/** A number of bits as it is written: 4 or 4.5. */
export function bitsText(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(1).replace(/\.0$/, "");
}

/** Label and size of a quantizers' mark with a letter ("W") on it, for the bits of its quantizers. */
export function quantizerMark(letter, bits) {
  if (!bits.length) return { label: letter, wide: 0, across: 40 };
  const low = Math.min(...bits), high = Math.max(...bits);
  const label = high - low < 0.05 ? letter + bitsText(high) : `${letter}${Math.round(low)}–${Math.round(high)}`;
  return { label, wide: label.length > 4 ? 1 : 0, across: Math.max(40, 20 + 8 * label.length) };
}

/** Gradient stops, in %, of a bar for [kept, redundant, zero] units. */
export function barStops([kept, redundant, zero]) {
  const total = kept + redundant + zero;
  const first = ((100 * kept) / total).toFixed(2), second = ((100 * (kept + redundant)) / total).toFixed(2);
  return `0 ${first} ${first} ${second} ${second} 100`;
}

/** What removal leaves of [kept, redundant, zero] units: a label, and the stops of the row's hatch; null where all
 * stay. */
export function removalOf(counts) {
  const zero = counts[2];
  if (zero === 0) return null;
  const total = counts[0] + counts[1] + zero, left = (100 * (total - zero)) / total;
  return { label: `${total} → ${total - zero} units`, stops: `0 3.2 3.2 ${left.toFixed(2)} ${left.toFixed(2)} 100` };
}
