// A text to take away, such as a link or a secret, with a button that copies it.
import { html, useRef, useState } from "../html.js";
import { texts } from "../texts.js";

export function CopyField({ value, label }) {
  const field = useRef();
  const [state, setState] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setState(texts.copy.done);
    } catch {
      field.current.select(); // where browsers forbid it, users copy what is selected
      setState(texts.copy.selected);
    }
  };
  return html`<div class="copy-field">
    <input ref=${field} class="mono" type="text" readonly aria-label=${label} value=${value} onFocus=${(event) => event.target.select()} />
    <button type="button" class="button button-main" onClick=${copy}>${texts.copy.button}</button>
    <span class="quiet small" role="status">${state}</span>
  </div>`;
}
