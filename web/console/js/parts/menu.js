// A button with a menu below it, which closes after a choice, on Escape, and when something else is used.
import { html, useEffect, useRef } from "../html.js";

export function Menu({ label, className = "", summaryClass = "button", children }) {
  const menu = useRef();
  useEffect(() => {
    const close = (event) => {
      if (!menu.current.contains(event.target)) menu.current.open = false;
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("focusin", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("focusin", close);
    };
  }, []);
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || !menu.current.open) return;
    menu.current.open = false;
    menu.current.querySelector("summary").focus();
  };
  const onClick = (event) => {
    if (event.target.closest("a, .menu-items button")) menu.current.open = false;
  };
  return html`<details ref=${menu} class=${`menu ${className}`} onKeyDown=${onKeyDown} onClick=${onClick}>
    <summary class=${summaryClass}>${label}</summary>
    <div class="menu-items">${children}</div>
  </details>`;
}
