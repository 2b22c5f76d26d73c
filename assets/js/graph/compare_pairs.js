// What something in the compared graph stands for in the main one. `scene` is the compared graph's: `pairs` are the
// nodes that mean the same, `quantizers` the quantizers, each by its name there.

/** The row of the main graph that stands for one of these nodes, by `hosts` of the main graph; null where none does. */
export function counterpartRow(nodes, { pairs }, hosts) {
  const node = (nodes || []).map((id) => pairs[id]).find((id) => id in hosts);
  return node === undefined ? null : hosts[node];
}

/** The first of these quantizers that the main graph has too, by its name there; null where it has none. */
export function counterpartQuantizer(ids, { quantizers }) {
  return ids.map((id) => quantizers[id]).find(Boolean) || null;
}
