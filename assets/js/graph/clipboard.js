// A page from another machine over plain http has no clipboard: there the browser copies what is selected.

export function copy(text) {
  if (!navigator.clipboard) return copySelected(text);
  navigator.clipboard.writeText(text).catch(() => copySelected(text));
}

function copySelected(text) {
  const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  const held = document.activeElement;
  field.style.cssText = "position: fixed; top: 0; opacity: 0";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  if (held) held.focus();
}
