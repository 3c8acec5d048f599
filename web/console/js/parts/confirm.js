// A button that asks before it acts.
import { html, useRef, useState } from "../html.js";

export function ConfirmButton({ label, question, yes, no, onConfirm, className = "button" }) {
  const dialog = useRef();
  const [isBusy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    await onConfirm();
    setBusy(false);
    dialog.current?.close();
  };
  return html`
    <button type="button" class=${className} onClick=${() => dialog.current.showModal()}>${label}</button>
    <dialog ref=${dialog} class="dialog">
      <p>${question}</p>
      <p class="dialog-actions">
        <button type="button" class="button" onClick=${() => dialog.current.close()}>${no}</button>
        <button type="button" class="button button-main" disabled=${isBusy} onClick=${confirm}>${yes}</button>
      </p>
    </dialog>
  `;
}
