// Elements from plain data (views/plain.py): [tag, {attribute: value}, ...children], a child being another or a text.
(function () {
  "use strict";

  function build(part) {
    if (typeof part === "string") return document.createTextNode(part);
    const [tag, attributes, ...children] = part, element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.map(build));
    return element;
  }

  window.getaPlain = { fill: (holder, parts) => holder.replaceChildren(...parts.map(build)) };
})();
