// What can be done with a node. Plain data; menu.js does it.

/** Entries of the menu, [{ text, action, value }], for a node that is called `name` and may stand for a module
 * (`scope`, drawn `open` or not), have a `group` and a `quantizer`: null or undefined where it has none. */
export function menuEntries({ name, scope, open, group, quantizer }) {
  const entries = [{ text: "Inspect", action: "inspect" }], hasGroup = group !== null && group !== undefined;
  if (scope !== null) entries.push({ text: open ? "Close" : "Open", action: "toggle", value: scope });
  if (hasGroup) entries.push({ text: `Show group g${group}`, action: "group", value: group });
  if (quantizer) entries.push({ text: "Set bits", action: "bits", value: quantizer });
  if (name) entries.push({ text: "Copy name", action: "copy", value: name });
  entries.push({ text: "Copy link to this", action: "link" });
  return entries;
}

/** What the entries are about, from the data of the node itself and of its host, the row that it hangs on or is. The
 * mark of quantizers (`isMark`) is about its first alone. `scope` is the host's module, where it stands for one. */
export function menuSubject(node, host, scope) {
  const marked = (node.quantizers || [])[0], isMark = Boolean(marked);
  return {
    isMark,
    name: marked || scope || (host.tip || [])[0] || "",
    scope: isMark ? null : scope,
    group: host.group,
    quantizer: marked || host.quantizer || (host.weights || [])[0],
  };
}
