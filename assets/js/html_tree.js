// Elements from plain data (geta_studio/shell/html_tree.py): [tag, {attribute: value}, ...children], a child being
// another such list or a text.

function build(part) {
  if (typeof part === "string") return document.createTextNode(part);
  const [tag, attributes, ...children] = part;
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map(build));
  return element;
}

/** Replace what is in an element by the elements of `parts`. */
export function fill(holder, parts) {
  holder.replaceChildren(...parts.map(build));
}
